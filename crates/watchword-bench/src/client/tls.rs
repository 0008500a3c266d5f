//! TLS to a server: certificates are always verified, against the system's authorities or a file of them.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::origin::Origin;

/// Certificates of the authorities that a test's or a company's own servers are signed by.
#[derive(Clone, Debug)]
pub(crate) struct Authorities(Arc<RootCertStore>);

/// Why a file holds no [`Authorities`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthoritiesError {
    #[error("cannot read {file} as PEM: {source}")]
    Read { file: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{file} holds a certificate that can't be an authority: {source}")]
    Certificate { file: PathBuf, source: rustls::Error },
    #[error("{file} holds no certificate; give a PEM file")]
    None { file: PathBuf },
}

impl Authorities {
    /// Reads a PEM file; takes its path as text, for the command line.
    ///
    /// # Errors
    ///
    /// When the file can't be read or holds no certificate. The text says it all, causes included.
    pub(crate) fn read(file: &str) -> Result<Self, AuthoritiesError> {
        let file = PathBuf::from(file);
        let fails = |source| AuthoritiesError::Read { file: file.clone(), source };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&file).map_err(fails)? {
            roots
                .add(certificate.map_err(fails)?)
                .map_err(|source| AuthoritiesError::Certificate { file: file.clone(), source })?;
        }
        if roots.is_empty() { Err(AuthoritiesError::None { file }) } else { Ok(Self(Arc::new(roots))) }
    }
}

/// Makes connections to one server secure.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// Why [`Tls`] can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the system's certificate authorities can't be used; name a file with --ca")]
    Verifier(#[source] rustls::Error),
    #[error("not a name that a certificate can be for")]
    Name(#[from] InvalidDnsNameError),
}

impl Tls {
    /// For the server at `origin`, whose certificate is signed by one of `authorities`, or of the system's where there
    /// are none.
    ///
    /// # Errors
    ///
    /// When the system has no authorities, or the host is neither a name nor an address.
    pub(crate) fn new(origin: &Origin, authorities: Option<&Authorities>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Verifier)?;
        let mut config = match authorities {
            Some(Authorities(roots)) => builder.with_root_certificates(Arc::clone(roots)),
            None => builder.with_platform_verifier().map_err(TlsError::Verifier)?,
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(origin.host_name().to_owned())?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// The handshake over a connection.
    ///
    /// # Errors
    ///
    /// When the server speaks no TLS, or its certificate is not good.
    pub(crate) async fn secure(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
