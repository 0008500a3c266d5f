//! `watchword-bench smtp`: what a message costs that the `smtp` provider sends over connections it keeps.

mod report;
mod sample;
pub(crate) mod sink;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use tokio::task::JoinSet;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Clock as _, Probe, Provider};
use watchword_delivery::registry::{ProviderSettings, Registry};
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use self::report::{Report, Run};
use self::sample::Samples;
use crate::aim::Aim;
use crate::child::RunningServer;
use crate::error::Error;
use crate::figures::{grouped, median};
use crate::latency::Latencies;
use crate::machine::{Machine, Versions};
use crate::output::Output;
use crate::process;
use crate::progress::Progress;
use crate::report::FORMAT;
use crate::stop::Stop;
use crate::stopwatch::{self, RealClock};

/// CPU of this process a message, in microseconds.
const CPU_AIM_US: f64 = 300.0;

/// Messages that precede the first run, a connection: the pool is full and warm then.
const WARM_UP: u64 = 20;

/// Measure what sending a message by SMTP costs this side.
///
/// The provider is the one that `kind = "smtp"` names in a configuration, without TLS and without signing in. Counted is
/// the CPU of this process, user and system: to compose the mail, to say it and to wait for the answers. The mail goes to
/// a sink that is started in a process of its own, or to a real server.
#[derive(Args)]
#[command(after_help = "\
Examples:
  To a sink that takes everything:
    watchword-bench smtp

  To a mail server that takes mail for that address from this machine:
    watchword-bench smtp --host mail.example.com --port 25 --to test@example.com --messages 500 --runs 1

Ctrl-C ends it early and reports what was sent until then.")]
pub(crate) struct Options {
    /// A mail server [default: a sink, started for it and stopped with it]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Its port.
    #[arg(long, default_value_t = 25, requires = "host", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Who the mail is from.
    #[arg(long, value_name = "ADDRESS", default_value = "otp@localhost")]
    from: String,
    /// Who it is for.
    #[arg(long, value_name = "ADDRESS", default_value = "user@example.com")]
    to: String,
    /// Messages a run.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    messages: u64,
    /// Connections at most, each with one message at a time.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Runs; the results are their medians.
    #[arg(long, default_value = "5")]
    runs: NonZeroU32,
    /// Print one JSON document instead of text. Its shape is in docs/performance.md.
    #[arg(long)]
    json: bool,
}

/// What all senders share.
struct Sending {
    provider: Arc<dyn Provider>,
    samples: Samples,
    server: String,
    connections: u32,
}

/// Starts the sink where there is no server, warms the pool, sends and reports.
///
/// # Errors
///
/// When there is no server, or it does not take a message.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let output = Output::new(options.json);
    let machine = Machine::read();
    output.section(&machine)?;
    let sink = match options.host {
        Some(_) => None,
        None => Some(RunningServer::start_sink().await?),
    };
    let (host, port) = match (&options.host, &sink) {
        (None, Some(sink)) => (sink.listen.ip().to_string(), sink.listen.port()),
        (host, _) => (host.clone().unwrap_or_default(), options.port),
    };
    let sending = Arc::new(Sending::new(&options, host, port)?);
    sending.probe().await?;
    output.section(&format_args!(
        "{}, {} connections, {} messages a run",
        sending.server,
        options.connections,
        grouped(options.messages),
    ))?;

    send(&sending, WARM_UP * u64::from(options.connections), &stop, "warm-up").await?;
    stop.or_go_on()?;
    let mut runs = Vec::new();
    for number in 1..=options.runs.get() {
        let what = format!("run {number} of {}", options.runs);
        let run = send(&sending, options.messages, &stop, &what).await?;
        output.section(&format_args!("{what}: {run}"))?;
        runs.push(run);
        if stop.asked() {
            break;
        }
    }
    drop(sink);

    let cpu = median(runs.iter().filter_map(|run| run.cpu_us_per_message).collect());
    let aims = [Aim::new("CPU a message", "µs", cpu, CPU_AIM_US)];
    for aim in &aims {
        output.section(aim)?;
    }
    output.document(&Report {
        format: FORMAT,
        command: "smtp",
        versions: Versions::read(None, None).await,
        machine,
        server: sending.server.clone(),
        connections: options.connections,
        messages: options.messages,
        interrupted: stop.asked(),
        runs,
        cpu_us_per_message: cpu,
        aims,
    })?;
    stop.or_go_on()
}

impl Sending {
    fn new(options: &Options, host: String, port: u16) -> Result<Self, Error> {
        let server = format!("{host}:{port}");
        let mut settings = SmtpSettings::new(host);
        settings.port = Some(port);
        settings.tls_type = TlsType::None;
        settings.auth_protocol = Some(AuthProtocol::None);
        settings.from_email.clone_from(&options.from);
        settings.max_conns = options.connections as usize;
        let id = ProviderId::new("smtp").map_err(|error| Error::Option(error.to_string()))?;
        let clock = Arc::new(RealClock);
        let now = clock.now();
        let provider = Registry::new(clock)
            .build(id, &ProviderSettings::Smtp(settings))
            .map_err(|error| Error::Option(error.to_string()))?;
        let samples = Samples::new(&options.to, now)
            .map_err(|error| Error::Option(format!("`{}`: {error}", options.to)))?;
        Ok(Self { provider, samples, server, connections: options.connections })
    }

    /// Connects once, to say plainly what is wrong.
    async fn probe(&self) -> Result<(), Error> {
        match self.provider.probe().await {
            Probe::Good { .. } | Probe::Untried { .. } => Ok(()),
            Probe::Failed { problem } => Err(Error::MailServer { problem }),
        }
    }

    async fn one(&self) -> Result<(), Error> {
        let delivery = self.samples.delivery();
        let problem = match self.provider.send(self.samples.outgoing(&delivery)).await {
            Outcome::Accepted { .. } => return Ok(()),
            Outcome::AddressRefused { detail } => format!("the address was refused: {detail}; give --to"),
            Outcome::ProviderRefused { detail } => format!("the server refuses mail from here: {detail}"),
            Outcome::Transient { detail } | Outcome::Unknown { detail } => detail,
            Outcome::Throttled { .. } => "the server wants fewer messages at once".to_owned(),
        };
        Err(Error::Mail { server: self.server.clone(), problem })
    }
}

/// Sends so many messages over all connections and measures it. The first one that fails ends it.
async fn send(sending: &Arc<Sending>, messages: u64, stop: &Stop, what: &str) -> Result<Run, Error> {
    let (taken, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let cpu = process::own_cpu_clock();
    let started = stopwatch::now();
    let mut senders = JoinSet::new();
    for _ in 0..sending.connections {
        let (sending, stop) = (Arc::clone(sending), stop.clone());
        let (taken, done) = (Arc::clone(&taken), Arc::clone(&done));
        senders.spawn(async move {
            let mut latencies = Latencies::new();
            while !stop.asked() && taken.fetch_add(1, Ordering::Relaxed) < messages {
                let began = stopwatch::now();
                sending.one().await?;
                latencies.record(began.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Error>(latencies)
        });
    }
    let progress = Progress::new(what, messages);
    let mut show = stopwatch::every(Progress::SHOW_EVERY);
    let mut latencies = Latencies::new();
    loop {
        tokio::select! {
            ended = senders.join_next() => match ended {
                Some(ended) => latencies.add(&ended.map_err(Error::Task)??),
                None => break,
            },
            _ = show.tick() => progress.show(done.load(Ordering::Relaxed)),
        }
    }
    let elapsed = started.elapsed();
    let cpu = process::own_cpu_clock().saturating_sub(cpu);
    Ok(Run::new(done.load(Ordering::Relaxed), elapsed, cpu, &latencies, stop.asked()))
}
