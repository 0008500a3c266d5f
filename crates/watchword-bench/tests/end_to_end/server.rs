//! Servers that answer as a test wants them to.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Serves until the test program ends. Returns where.
pub(crate) fn serve(router: Router) -> SocketAddr {
    let (listener, address) = listener();
    in_background(async move {
        axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap();
    });
    address
}

/// The same over TLS. A connection whose handshake fails is closed.
pub(crate) fn serve_tls(router: Router, config: rustls::ServerConfig) -> SocketAddr {
    let (listener, address) = listener();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    in_background(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn listener() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    });
}
