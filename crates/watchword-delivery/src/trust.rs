//! How a server that is not spoken to by HTTP is known to be the right one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use tokio_rustls::TlsConnector;

/// Why no server's certificate can be verified.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file with root certificates is not there, or is none.
    #[error("`ca_file` {} can't be used: {source}; it must hold certificates in PEM", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("`ca_file` {} holds no certificate; it must hold at least one in PEM", .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A certificate of the file, or all of the system's.
    #[error(
        "no certificate can be verified: {0}; is the package `ca-certificates` installed, and `ca_file`, where it is set, sound?"
    )]
    Roots(#[source] TlsError),
}

/// What makes TLS connections. Trusts the system's root certificates and those of `ca_file`; with `skip_verify` anybody.
pub(crate) fn connector(ca_file: Option<&Path>, skip_verify: bool) -> Result<TlsConnector, TrustError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if skip_verify {
        Arc::new(Anybody(Arc::clone(&provider)))
    } else {
        let extra = ca_file.map(certificates).transpose()?.unwrap_or_default();
        Arc::new(Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(TrustError::Roots)?)
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Roots)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(|certificates| certificates.collect());
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(TrustError::Empty { path: path.to_owned() }),
        Ok(certificates) => Ok(certificates),
        Err(source) => Err(TrustError::File { path: path.to_owned(), source }),
    }
}

/// Takes every certificate, for `tls_skip_verify`. The handshake's signatures must still fit it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
