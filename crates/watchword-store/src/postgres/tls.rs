//! TLS to the server: whom it may be.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use thiserror::Error;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Verify;

/// Why TLS can't be spoken as the URL asks.
#[derive(Debug, Error)]
pub enum PostgresTlsError {
    /// The file of `sslrootcert`.
    #[error("the certificates in {file} can't be read: {source}")]
    File {
        /// Which file.
        file: String,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// It can be read, and no certificate is in it.
    #[error("no certificate is in {0}")]
    Empty(String),
    /// A certificate can't be used, or the system's can't be had.
    #[error("certificates can't be verified: {0}")]
    Verifier(#[from] rustls::Error),
}

pub(super) fn connector(verify: &Verify) -> Result<MakeRustlsConnect, PostgresTlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match verify {
        Verify::Nobody => {
            let anybody = Arc::new(Anybody(provider));
            builder.dangerous().with_custom_certificate_verifier(anybody)
        }
        Verify::BySystem => builder.with_platform_verifier()?,
        Verify::ByFile(file) => {
            let name = || file.display().to_string();
            let unreadable = |source| PostgresTlsError::File { file: name(), source };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?)?;
            }
            if roots.is_empty() {
                return Err(PostgresTlsError::Empty(name()));
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

/// Takes any certificate: what `prefer` and `require` mean to libpq. It keeps out who only listens.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
