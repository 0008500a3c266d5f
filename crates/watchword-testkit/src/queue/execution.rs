//! What Queue does with a task.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};

use super::Task;

/// How long Queue waits for a service.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A task, as Queue reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Instruction {
    pub(super) worker: String,
    url: String,
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Box<RawValue>,
}

/// A task on its way to a worker.
#[derive(Debug)]
pub(super) struct Job {
    /// Its place among all tasks.
    pub(super) number: usize,
    pub(super) instruction: Instruction,
}

/// One worker: executes what comes, one after the other.
pub(super) async fn work(mut coming: mpsc::UnboundedReceiver<Job>, tasks: watch::Sender<Vec<Task>>) {
    let client = Client::builder().tls_certs_only([]).timeout(TIMEOUT).no_proxy().build().expect("a client");
    while let Some(Job { number, instruction }) = coming.recv().await {
        let status = execute(&client, instruction).await;
        tasks.send_modify(|tasks| tasks[number].executed = Some(status));
    }
}

/// The status of the answer; `None`: none came.
async fn execute(client: &Client, instruction: Instruction) -> Option<u16> {
    let method = Method::from_bytes(instruction.method.to_uppercase().as_bytes()).ok()?;
    let mut request = client.request(method, &instruction.url).header(CONTENT_TYPE, "application/json");
    for (name, value) in &instruction.headers {
        request = request.header(name, value);
    }
    let response = request.body(instruction.json.get().to_owned()).send().await.ok()?;
    Some(response.status().as_u16())
}
