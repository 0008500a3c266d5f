//! A webhook's receiver that remembers every request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use watchword_testkit::deadline::within;

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// The delivery id.
    pub(crate) delivery: String,
    /// The verification's id.
    pub(crate) id: String,
    /// Its code.
    pub(crate) code: String,
}

/// Accepts everything, on a free port, until it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    arrived: Arc<watch::Sender<Vec<Arrived>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let arrived = Arc::new(watch::Sender::new(Vec::new()));
        let sink = Arc::clone(&arrived);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            let text = |name: &str| document["otp"][name].as_str().expect(name).to_owned();
            let delivery = headers["idempotency-key"].to_str().unwrap().to_owned();
            sink.send_modify(|all| all.push(Arrived { delivery, id: text("id"), code: text("otp") }));
            StatusCode::OK
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", post(take));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, arrived, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What came for one verification so far.
    pub(crate) fn of(&self, id: &str) -> Vec<Arrived> {
        self.arrived.borrow().iter().filter(|arrived| arrived.id == id).cloned().collect()
    }

    /// Waits for a message of that verification.
    pub(crate) async fn wait_for(&self, id: &str) -> Arrived {
        let mut arrived = self.arrived.subscribe();
        let came = arrived.wait_for(|all| all.iter().any(|arrived| arrived.id == id));
        within(&format!("a message of {id}"), came).await.unwrap();
        self.of(id).remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
