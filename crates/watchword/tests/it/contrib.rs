//! What `contrib/` and the `Containerfile` say exists.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use promql_parser::label::{Labels, MatchOp};
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{PROGRAM, Receiver, Server, client, ended};
use crate::tls::Site;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a query asks for: metrics, each with the labels that it is picked or grouped by.
#[derive(Default)]
struct Asked {
    metrics: BTreeSet<String>,
    labels: BTreeSet<String>,
    values: BTreeSet<String>,
}

impl Asked {
    fn by(query: &str) -> Self {
        // What Grafana fills in.
        let query =
            query.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$job", "watchword");
        let parsed = parser::parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let mut asked = Self::default();
        walk_expr(&mut asked, &parsed).unwrap();
        asked
    }

    fn selects(&mut self, selector: &VectorSelector) {
        self.metrics.extend(selector.name.clone());
        for matcher in &selector.matchers.matchers {
            self.labels.insert(matcher.name.clone());
            if !TARGET_LABELS.contains(&&*matcher.name) {
                let values = match &matcher.op {
                    MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.clone()],
                    MatchOp::Re(_) | MatchOp::NotRe(_) => {
                        matcher.value.split('|').map(str::to_owned).collect()
                    }
                };
                self.values.extend(values);
            }
        }
    }

    fn groups_by(&mut self, Labels { labels }: &Labels) {
        self.labels.extend(labels.iter().cloned());
    }
}

impl ExprVisitor for Asked {
    type Error = Infallible;

    fn pre_visit(&mut self, part: &Expr) -> Result<bool, Infallible> {
        match part {
            Expr::VectorSelector(selector) => self.selects(selector),
            Expr::MatrixSelector(matrix) => self.selects(&matrix.vs),
            Expr::Aggregate(aggregate) => match &aggregate.modifier {
                Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) => {
                    self.groups_by(labels);
                }
                None => {}
            },
            _ => {}
        }
        Ok(true)
    }
}

/// What Prometheus adds to every sample.
const TARGET_LABELS: [&str; 2] = ["instance", "job"];

/// The samples of a server that has done everything once: names and their labels.
async fn exposed() -> BTreeMap<String, BTreeSet<String>> {
    let receiver = Receiver::answering().await;
    let site = Site::new(&receiver.url());
    let caller = site.renew();
    let mut server = Server::serve(&site.config(), &[]).over_tls(caller);
    let reply = server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    let reply: Value = reply.json().await.unwrap();
    assert_eq!(server.check("johns-id", reply["data"]["otp"].as_str().unwrap()).await.0, 200);
    let text =
        client().get(format!("{}/metrics", server.admin())).send().await.unwrap().text().await.unwrap();
    let mut exposed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = sample.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once('='));
        exposed.entry(name.to_owned()).or_default().extend(labels.map(|(label, _)| label.to_owned()));
    }
    exposed
}

fn assert_exists(exposed: &BTreeMap<String, BTreeSet<String>>, query: &str) {
    let asked = Asked::by(query);
    let all_labels: BTreeSet<&str> = asked
        .metrics
        .iter()
        .filter(|name| *name != "up")
        .flat_map(|name| exposed.get(name).unwrap_or_else(|| panic!("there is no {name}: {query}")))
        .map(String::as_str)
        .chain(TARGET_LABELS)
        .collect();
    for label in &asked.labels {
        assert!(all_labels.contains(&**label), "there is no label {label}: {query}");
    }
    let documents = [read("docs/metrics.md"), read("docs/errors.md")].concat();
    for value in &asked.values {
        let known = match value.strip_suffix(".*") {
            Some(start) => documents.contains(&format!("`{start}")),
            None => documents.contains(&format!("`{value}`")),
        };
        assert!(known, "there is no value {value}: {query}");
    }
}

/// All texts under this key, at any depth.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => texts(value, key, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_metrics_that_exist() {
    let exposed = exposed().await;
    let dashboard: Value = serde_json::from_str(&read("contrib/grafana/watchword.json")).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 30, "{}", queries.len());
    queries.iter().for_each(|query| assert_exists(&exposed, query));
    let mut variables = Vec::new();
    texts(&dashboard["templating"], "query", &mut variables);
    for variable in variables.iter().filter_map(|query| query.strip_prefix("label_values(")) {
        assert_exists(&exposed, variable.split_once(", ").unwrap().0);
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels share an id");

    let rules = YamlLoader::load_from_str(&read("contrib/prometheus/alerts.yml")).unwrap();
    let mut names = BTreeSet::new();
    for rule in rules[0]["groups"].as_vec().unwrap().iter().flat_map(|group| group["rules"].as_vec().unwrap())
    {
        assert_exists(&exposed, rule["expr"].as_str().unwrap());
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("page" | "ticket")), "{name}");
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].as_str().is_some(), "{name}: {annotation}");
        }
        if let Some(wait) = rule["for"].as_str() {
            promql_parser::util::parse_duration(wait).unwrap();
        }
        assert!(matches!(rule["keep_firing_for"], Yaml::BadValue), "{name}");
    }
    assert!(names.len() > 10);
    // Each promise has somebody who looks.
    let watched: BTreeSet<String> = iter::empty()
        .chain(queries.iter().map(|query| Asked::by(query)))
        .flat_map(|asked| asked.metrics)
        .map(|name| {
            ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|part| name.strip_suffix(part))
                .unwrap_or(&name)
                .to_owned()
        })
        .collect();
    for name in exposed.keys().filter(|name| name.starts_with("watchword_")) {
        let stem =
            ["_bucket", "_count", "_sum"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let apart =
            ["watchword_config_last_reload_success_timestamp_seconds", "watchword_config_reloads_total"];
        assert!(watched.contains(stem) || apart.contains(&stem), "nothing shows {stem}");
    }
}

#[test]
fn the_service_is_sound_and_shut_in() {
    let unit = read("contrib/systemd/watchword.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let installed = "/usr/local/bin/watchword";
    assert_takes(command.strip_prefix(installed).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("watchword.service");
    fs::write(&here, unit.replace(installed, PROGRAM)).unwrap();
    // Of a hundred, the lower the better; 20 is "OK".
    for arguments in [&["verify"][..], &["security", "--offline=true", "--threshold=20"]] {
        let ran = Command::new("systemd-analyze").args(arguments).arg("--no-pager").arg(&here).output();
        let output = ran.unwrap_or_else(|error| panic!("systemd-analyze (package systemd): {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("watchword.service"), "{arguments:?}: {said}");
    }
}

/// The command line takes these arguments; what they name need not be there.
fn assert_takes(arguments: &str) {
    let nowhere = arguments.replace("/etc/watchword", "/nowhere");
    let (code, lines) = ended(nowhere.split_whitespace(), &[("WATCHWORD_CONFIG", "/nowhere/watchword.toml")]);
    // clap's own errors begin so.
    assert!(
        code.is_some() && !lines.iter().any(|line| line.starts_with("error:")),
        "{arguments}: {lines:#?}"
    );
}

#[test]
fn the_container_starts_what_is_there() {
    let file = read("Containerfile");
    let instructions: Vec<(&str, &str)> = file
        .lines()
        .filter(|line| !line.starts_with(['#', ' ']))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let all = |name: &str| -> Vec<&str> {
        instructions.iter().filter(|(instruction, _)| *instruction == name).map(|(_, rest)| *rest).collect()
    };
    let [entry] = all("ENTRYPOINT")[..] else { panic!() };
    let [command] = all("CMD")[..] else { panic!() };
    let [health] = all("HEALTHCHECK")[..] else { panic!() };
    let list = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap() };
    let program = &list(entry)[0];
    assert!(
        file.contains(&format!("/image{program}\n")) || file.contains(&format!("/image{program} ")),
        "{program}"
    );
    assert_takes(&list(command).join(" "));
    let health = list(health.split_once("CMD ").unwrap().1);
    assert_eq!(&health[0], program);
    assert_takes(&health[1..].join(" "));
    assert_eq!(all("USER"), ["65532:65532"]);
    let toolchain = read("rust-toolchain.toml");
    let version = all("FROM")[0].split_once(":").unwrap().1.split_once('-').unwrap().0;
    assert!(toolchain.contains(&format!("\"{version}\"")), "{version}");
    // The state is where the volume is, and whoever runs it may write there.
    let [volume] = all("VOLUME")[..] else { panic!() };
    assert!(file.contains(&format!("WATCHWORD_STORE=sqlite:{volume}/")));
    let (parent, name) = volume.rsplit_once('/').unwrap();
    assert!(file.contains(&format!("install -d -m 700 /state/{name}\n")));
    assert!(all("COPY").contains(&&*format!("--from=build --chown=65532:65532 /state/ {parent}/")));
    // What the build reads is let in.
    for needed in ["Cargo.toml", "Cargo.lock", "crates", ".cargo"] {
        assert!(
            root().join(needed).exists() && read(".containerignore").contains(&format!("!{needed}\n")),
            "{needed}"
        );
    }
}
