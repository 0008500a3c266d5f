//! Whether a service can be reached: a connection, and its certificate, without a request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use watchword_core::ports::Probe;

/// Connects to the origin of `url`, and for https checks its certificate. Nothing is sent, so credentials stay untried.
pub(crate) async fn probe(url: &Url, limit: Duration) -> Probe {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Probe::Failed { problem: "`url` names no host and port; mend it".to_owned() };
    };
    let place = format!("{host}:{port}");
    let is_https = url.scheme() == "https";
    // Half a second is left to those who wait for the answer.
    let limit = limit.saturating_sub(Duration::from_millis(500)).max(Duration::from_millis(500));
    match tokio::time::timeout(limit, reach(host, port, is_https)).await {
        Ok(Ok(())) if is_https => Probe::Good {
            tried: format!(
                "connected to {place}, its certificate is good; credentials are not tried without sending"
            ),
        },
        Ok(Ok(())) => Probe::Good {
            tried: format!("connected to {place}, without TLS; credentials are not tried without sending"),
        },
        Ok(Err(problem)) => Probe::Failed { problem: format!("{place}: {problem}") },
        Err(_) => Probe::Failed {
            problem: format!("{place}: no connection in time; is a firewall between, or a proxy needed?"),
        },
    }
}

async fn reach(host: &str, port: u16, is_https: bool) -> Result<(), String> {
    // IPv6 addresses stand in brackets in a URL only.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let connection = TcpStream::connect((host, port)).await.map_err(|error| in_words(&error))?;
    if !is_https {
        return Ok(());
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "not a name that a certificate can have".to_owned())?;
    let connector = TlsConnector::from(Arc::new(trusting_the_system()?));
    match connector.connect(name, connection).await {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("TLS fails: {error}; is `url` right, and does this machine trust that certificate?"))
        }
    }
}

fn trusting_the_system() -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let trusting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier());
    match trusting {
        Ok(builder) => Ok(builder.with_no_client_auth()),
        Err(error) => {
            Err(format!("{error}; are root certificates installed (the package `ca-certificates`)?"))
        }
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        _ => format!("no connection: {error}"),
    }
}
