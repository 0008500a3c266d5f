//! A webhook's receiver that holds its answers until a test lets them go.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinHandle;
use watchword_testkit::deadline::within;

/// Takes messages on a free port until it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    came: Mutex<mpsc::UnboundedReceiver<(HeaderMap, Value)>>,
    answers: Arc<Semaphore>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// One that answers only as often as it is let.
    pub(crate) async fn holding() -> Self {
        let (sender, came) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let turns = Arc::clone(&answers);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            sender.send((headers, serde_json::from_slice(&body).unwrap())).unwrap();
            turns.acquire().await.unwrap().forget();
            StatusCode::NO_CONTENT
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/hook", post(take));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, came: Mutex::new(came), answers, serving }
    }

    /// One that answers at once.
    pub(crate) async fn answering() -> Self {
        let receiver = Self::holding().await;
        receiver.answer(Semaphore::MAX_PERMITS);
        receiver
    }

    /// Lets so many answers go.
    pub(crate) fn answer(&self, count: usize) {
        self.answers.add_permits(count);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next message.
    pub(crate) async fn next(&self) -> (HeaderMap, Value) {
        within("a message at the webhook", async { self.came.lock().await.recv().await.unwrap() }).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
