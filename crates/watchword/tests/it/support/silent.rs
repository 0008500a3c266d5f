//! A Queue that never answers.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use watchword_testkit::deadline::within;
use watchword_testkit::queue::Queue;

use super::server::client;

/// It takes tasks on a free port, passes them on if it is told where to, and leaves whoever brought them without an answer. Until it
/// is dropped.
pub(crate) struct SilentQueue {
    url: String,
    came: Mutex<mpsc::UnboundedReceiver<String>>,
    serving: JoinHandle<()>,
}

impl SilentQueue {
    /// One that keeps what it is given to itself.
    pub(crate) async fn start() -> Self {
        Self::passing_on(None).await
    }

    /// One that the task has gone through, once it has come.
    pub(crate) async fn before(queue: &Queue) -> Self {
        Self::passing_on(Some((client(), format!("{}/task", queue.url())))).await
    }

    async fn passing_on(behind: Option<(Client, String)>) -> Self {
        let (sender, came) = mpsc::unbounded_channel();
        let take = move |body: Bytes| async move {
            if let Some((client, url)) = behind {
                let answer = client.post(url).body(body.clone()).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
            sender.send(String::from_utf8(body.to_vec()).unwrap()).unwrap();
            std::future::pending::<StatusCode>().await
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(take);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, came: Mutex::new(came), serving }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next task that came.
    pub(crate) async fn next(&self) -> String {
        within("a task", async { self.came.lock().await.recv().await.unwrap() }).await
    }
}

impl Drop for SilentQueue {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
