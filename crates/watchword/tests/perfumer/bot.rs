//! The Telegram bot: its webhook set and deleted, its updates polled.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use watchword_testkit::process::Process;

use crate::bot_api::{BotApi, TOKEN};
use crate::server::{Database, PROGRAM, Server, ended};

const WEBHOOK: &str = "https://otp.example.com/telegram/webhook";

/// A server's place, whose bot is at a stand-in of Telegram.
struct Place {
    config: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    fn new(api: &BotApi, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("data/watchword.db").display());
        Self::on(folder, &store, api, more)
    }

    fn on(folder: TempDir, store: &str, api: &BotApi, more: &str) -> Self {
        let config = folder.path().join("watchword.toml");
        let text = format!(
            "[server]\ndialect = \"perfumer\"\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [log]\nformat = \"json\"\n[store]\nurl = \"{store}\"\n\
             [providers.telegram]\nkind = \"telegram\"\ntoken = \"{TOKEN}\"\napi_url = \"{}\"\n{more}\n",
            api.url
        );
        fs::write(&config, text).unwrap();
        Self { config, folder, environment: Vec::new() }
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--config", self.config.to_str().unwrap()]].concat()
    }

    fn begin(&self, arguments: &[&str]) -> Process {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Process::start(Path::new(PROGRAM), self.arguments(arguments), &environment)
    }

    /// A process that polls already.
    fn poll(&self) -> Process {
        let mut process = self.begin(&["telegram", "poll"]);
        process.wait_for_line("that it polls", |line| line.contains("\"codes_bot\"").then_some(()));
        process
    }

    fn ended(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        ended(&self.arguments(arguments), &self.environment)
    }

    /// What a command that works prints.
    fn says(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.ended(arguments);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
        out.trim_end().to_owned()
    }

    /// The one line in which a command says why it can't.
    fn refuses(&self, code: i32, arguments: &[&str]) -> String {
        let (ended, out, err) = self.ended(arguments);
        assert_eq!((ended, out.as_str(), err.lines().count()), (Some(code), "", 1), "{arguments:?}: {err}");
        err.trim_end().strip_prefix("watchword: ").expect("the program says who speaks").to_owned()
    }
}

const SECRET: &str = "[perfumer.webhook]\nsecret = \"S3cret_-\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_set_with_the_configured_secret_and_deleted() {
    let api = BotApi::start().await;
    let place = Place::new(&api, SECRET);
    assert_eq!(
        place.says(&["telegram", "set-webhook", WEBHOOK]),
        format!(
            "Telegram sends what people write to @codes_bot to {WEBHOOK} from now on, with the configured secret."
        )
    );
    assert_eq!(
        api.known().of("setWebhook"),
        [json!({ "url": WEBHOOK, "allowed_updates": ["message"], "secret_token": "S3cret_-" })]
    );
    let elsewhere = place.says(&["telegram", "set-webhook", "https://otp.example.com/bot", "--drop-pending"]);
    assert!(
        elsewhere.ends_with(
            "\nThe server answers updates at /telegram/webhook: whatever is before it must lead this URL there."
        ),
        "{elsewhere}"
    );
    assert_eq!(api.known().of("setWebhook")[1]["drop_pending_updates"], true);
    assert_eq!(
        place.says(&["telegram", "delete-webhook"]),
        "Telegram keeps the bot's updates from now on: poll them with `watchword telegram poll`."
    );
    assert_eq!(api.known().of("deleteWebhook"), [json!({})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_would_not_work_or_that_anybody_could_use_is_not_set() {
    let api = BotApi::start().await;
    let access = "[perfumer]\nusername = \"otp\"\npassword = \"otp-secret\"";
    for (more, arguments, code, beginning) in [
        (
            "",
            &[WEBHOOK][..],
            2,
            "there is no secret, so whoever finds the URL could have passcodes sent: set perfumer.webhook.secret",
        ),
        (
            SECRET,
            &[WEBHOOK, "--without-secret"],
            2,
            "a secret is configured, and the server refuses updates without it",
        ),
        (
            access,
            &[WEBHOOK, "--without-secret"],
            2,
            "the server asks for BasicAuth, which Telegram can't send",
        ),
        (access, &[WEBHOOK], 2, "the server asks for BasicAuth, which Telegram can't send"),
        (
            SECRET,
            &["http://otp.example.com/telegram/webhook"],
            2,
            "the webhook's URL must begin with https://",
        ),
        (
            "[perfumer.webhook]\nsecret = \"no spaces\"",
            &[WEBHOOK],
            2,
            "the webhook's secret must be 1 to 256 letters",
        ),
    ] {
        let place = Place::new(&api, more);
        let told = place.refuses(code, &[&["telegram", "set-webhook"], arguments].concat());
        assert!(told.starts_with(beginning), "{told}");
    }
    assert_eq!(api.known().calls, []);
    let open = Place::new(&api, "").says(&["telegram", "set-webhook", WEBHOOK, "--without-secret"]);
    assert!(open.ends_with(" from now on, without a secret."), "{open}");
    assert_eq!(api.known().of("setWebhook"), [json!({ "url": WEBHOOK, "allowed_updates": ["message"] })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_is_that_of_a_provider_or_of_the_environment() {
    let api = BotApi::start().await;
    let other = format!(
        "[providers.helper]\nkind = \"telegram\"\ntoken = \"1:wrong\"\napi_url = \"{}\"\n[providers.mail]\nkind = \"discard\"",
        api.url
    );
    let mut place = Place::new(&api, &other);
    let delete = ["telegram", "delete-webhook"];
    let told = place.refuses(1, &[&delete[..], &["--provider", "helper"]].concat());
    assert_eq!(told, "Telegram does not know this `token`; ask @BotFather for the bot's token");
    for missing in ["mail", "nobody"] {
        let told = place.refuses(2, &[&delete[..], &["--provider", missing]].concat());
        assert_eq!(told, format!("there is no provider `{missing}` of the kind telegram"));
    }

    let text = fs::read_to_string(&place.config).unwrap();
    let without = text.replace("[providers.telegram]", "[providers.not-named]");
    fs::write(&place.config, without).unwrap();
    let told = place.refuses(2, &delete);
    assert!(told.starts_with("no bot is named: configure a provider `telegram`"), "{told}");
    place.environment.push(("WATCHWORD_TELEGRAM_TOKEN".to_owned(), "no token".to_owned()));
    let told = place.refuses(2, &delete);
    assert!(told.starts_with("WATCHWORD_TELEGRAM_TOKEN: must be a bot's token"), "{told}");

    let other = text.replace("dialect = \"perfumer\"", "dialect = \"otpgateway\"");
    fs::write(&place.config, format!("{other}[namespaces.app]\nsecret = \"app-secret\"\n")).unwrap();
    let told = place.refuses(2, &delete);
    assert!(told.contains("set server.dialect to \"perfumer\""), "{told}");
    assert_eq!(api.known().calls, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_webhook_polling_is_refused_and_says_what_to_do() {
    let api = BotApi::start().await;
    let place = Place::new(&api, SECRET);
    let server = Server::once_it_listens(place.begin(&["serve"]));
    place.says(&["telegram", "set-webhook", WEBHOOK]);
    let (code, _, told) = place.ended(&["telegram", "poll"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        told.lines().last().unwrap(),
        "watchword: Telegram sends this bot's updates to a webhook; to poll them, first run `watchword telegram delete-webhook`"
    );
    server.stop();
}

/// Whoever writes to the bot gets a code, which the server beside it knows.
async fn answers_beside_a_server(place: &Place, api: &BotApi) {
    let server = Server::once_it_listens(place.begin(&["serve"]));
    api.hears(10_000, 1_111_111);
    let mut polling = place.poll();
    let messages = api.messages(1).await;
    let [(1_111_111, code)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(code.len(), 7);
    let right = json!({ "status": true });
    assert_eq!(server.get(&format!("/telegram/check?chat_id=1111111&password={code}")).await, right);
    assert_eq!(
        server.get(&format!("/target?channel=telegram&password={code}")).await,
        json!({ "status": true, "content": { "target": "1111111" } })
    );
    api.hears(10_001, 2_222_222);
    assert_eq!(api.messages(2).await[1].0, 2_222_222);

    let status = tokio::task::spawn_blocking(move || polling.terminate()).await.unwrap();
    assert!(status.success(), "it stops when it is told to");
    let asked = api.known().of("getUpdates");
    let offset = |call: &Value| call["offset"].as_i64();
    assert_eq!((offset(&asked[0]), asked[0]["timeout"].as_i64()), (None, Some(50)));
    assert_eq!(
        asked.iter().filter_map(offset).max(),
        Some(10_002),
        "Telegram knows of all that was answered"
    );

    // An update that comes again is known.
    api.hears(10_000, 1_111_111);
    api.hears(10_002, 3_333_333);
    let polling = place.poll();
    assert_eq!(api.messages(3).await[2].0, 3_333_333);
    drop(polling);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_bot_answers_beside_a_server_on_a_file() {
    let api = BotApi::start().await;
    answers_beside_a_server(&Place::new(&api, ""), &api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_bot_answers_beside_a_server_on_postgresql() {
    let api = BotApi::start().await;
    let database = Database::new();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", database.postgres.port, database.name);
    let mut place = Place::on(tempfile::tempdir().unwrap(), &url, &api, "");
    place.environment.push(("WATCHWORD_KEY".to_owned(), "5a".repeat(32)));
    answers_beside_a_server(&place, &api).await;
    drop(place.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_without_a_store_says_what_to_do() {
    let api = BotApi::start().await;
    let place = Place::new(&api, "");
    let (code, _, told) = place.ended(&["telegram", "poll"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("there is no store at ") && told.contains("start the server once"), "{told}");
}
