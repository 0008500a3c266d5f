//! A stand-in for [perfumerlabs/queue](https://github.com/perfumerlabs/queue), as its source has it: takes tasks over HTTP and
//! executes each once. [`Services`] stands in for what it sends them to.
//!
//! A task that was taken is executed, also when whoever sent it gave up waiting, or Queue goes down meanwhile: it is stored. One
//! that fails is not tried again.

mod execution;
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::deadline::within;
use crate::net::free_port;
use execution::{Instruction, Job, work};
pub use services::{Served, Services};

/// What it has workers for, as in a setup of all of perfumer's services.
const WORKERS: [&str; 3] = ["sms", "email", "telegram"];

/// How it treats requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every task at once.
    Up,
    /// Takes every task after this time, or when it behaves otherwise again.
    Slow(Duration),
    /// Takes no task and answers with this status.
    Failing(u16),
    /// Does not listen.
    Down,
}

/// A task that was taken.
#[derive(Clone, Debug)]
pub struct Task {
    /// The request's body, to the byte.
    pub body: String,
    /// What became of it: the status it was answered with, `None` where no answer came. Not there until it was executed.
    pub executed: Option<Option<u16>>,
}

/// A Queue that runs on a port of its own until it is dropped.
#[derive(Debug)]
pub struct Queue {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

#[derive(Debug)]
struct Server {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    behaviour: watch::Sender<Behaviour>,
    tasks: watch::Sender<Vec<Task>>,
    workers: BTreeMap<&'static str, mpsc::UnboundedSender<Job>>,
}

impl Queue {
    /// It is up.
    pub async fn start() -> Self {
        let tasks = watch::Sender::new(Vec::new());
        let workers = WORKERS.map(|worker| {
            let (jobs, coming) = mpsc::unbounded_channel();
            tokio::spawn(work(coming, tasks.clone()));
            (worker, jobs)
        });
        let shared =
            Shared { behaviour: watch::Sender::new(Behaviour::Up), tasks, workers: BTreeMap::from(workers) };
        let queue = Self { port: free_port(), shared: Arc::new(shared), server: Mutex::new(None) };
        queue.listen().await;
        queue
    }

    /// Where it is, as `OTP_QUEUE_URL` has it. The same all the time.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Behaves otherwise from now on. Once this returns, it does.
    pub async fn behave(&self, behaviour: Behaviour) {
        self.shared.behaviour.send_replace(behaviour);
        let server = self.server.lock().take();
        match (behaviour, server) {
            (Behaviour::Down, Some(server)) => {
                server.stop.send_replace(true);
                within("Queue to go down", server.running).await.expect("it stops by itself");
            }
            (Behaviour::Down, None) => {}
            (_, Some(server)) => *self.server.lock() = Some(server),
            (_, None) => self.listen().await,
        }
    }

    /// Every task it took, in order.
    pub fn tasks(&self) -> Vec<Task> {
        self.shared.tasks.borrow().clone()
    }

    /// Waits until it took so many tasks, and executed all that it took.
    ///
    /// # Panics
    /// It did not by the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn wait_for_executed(&self, count: usize) -> Vec<Task> {
        let mut tasks = self.shared.tasks.subscribe();
        let done =
            |tasks: &Vec<Task>| tasks.len() >= count && tasks.iter().all(|task| task.executed.is_some());
        let tasks = within("Queue to execute its tasks", tasks.wait_for(done)).await;
        tasks.expect("borrowed").clone()
    }

    async fn listen(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port is ours");
        let app = Router::new().fallback(answer).with_state(Arc::clone(&self.shared));
        let (stop, mut stopped) = watch::channel(false);
        let running = tokio::spawn(async move {
            let until = async move {
                // An error says that this Queue is gone.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            axum::serve(listener, app).with_graceful_shutdown(until).await.expect("it serves");
        });
        *self.server.lock() = Some(Server { stop, running });
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    // On its own, so that it goes on when the other end hangs up.
    let answering = tokio::spawn(async move {
        let (head, body) = request.into_parts();
        if head.uri.path() != "/task" {
            return says(StatusCode::NOT_FOUND, &json!({"status": false, "message": "Page not found"}));
        }
        let body = to_bytes(body, 1 << 20).await.expect("a request's body");
        let body = String::from_utf8(body.to_vec()).expect("JSON is UTF-8");
        shared.take(body).await
    });
    answering.await.expect("it answers")
}

impl Shared {
    async fn take(&self, body: String) -> Response {
        let behaviour = *self.behaviour.borrow();
        match behaviour {
            Behaviour::Failing(status) => {
                let status = StatusCode::from_u16(status).expect("a status");
                return says(status, &json!({"status": false, "message": "Tarantool is not there"}));
            }
            Behaviour::Slow(time) => {
                let mut changes = self.behaviour.subscribe();
                let change = changes.wait_for(|now| *now != behaviour);
                let _ = tokio::time::timeout(time, change).await;
            }
            Behaviour::Up | Behaviour::Down => {}
        }
        let instruction: Instruction = match serde_json::from_str(&body) {
            Ok(instruction) => instruction,
            Err(error) => return failed(&format!("{error}")),
        };
        let Some(worker) = self.workers.get(instruction.worker.as_str()) else {
            return failed("there is no such queue");
        };
        self.tasks.send_modify(|tasks| {
            let job = Job { number: tasks.len(), instruction };
            tasks.push(Task { body, executed: None });
            worker.send(job).expect("a worker never ends");
        });
        says(StatusCode::OK, &json!({"status": true}))
    }
}

fn failed(message: &str) -> Response {
    says(StatusCode::INTERNAL_SERVER_ERROR, &json!({"status": false, "message": message}))
}

fn says(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
