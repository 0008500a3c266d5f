//! TLS on the listener: the certificate that it shows, and how another one takes its place without anybody noticing.
//!
//! Connections that stand keep the certificate that they began with; new ones get the new one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use watchword_core::time::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The most bytes of a certificate's or a key's file: a hundred times what any chain needs.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What everybody may do with a file.
const OTHERS: u32 = 0o007;

/// Why a certificate can't be used. Each text names the file and says what to do.
#[derive(Debug, Error)]
pub enum TlsError {
    /// There is no such file.
    #[error("{} is not there: write where it is into `{}`", .path.display(), .setting)]
    Missing {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The file can't be read.
    #[error("{} can't be read: {source}: let the user that Watchword runs as read it", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is far longer than any certificate.
    #[error("{} is over 1 MiB, which is no certificate or key: write the right file into `{}`", .path.display(), .setting)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The file is not PEM.
    #[error("{} is not PEM: convert it with openssl, or write another file into `{}`", .path.display(), .setting)]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// PEM without a certificate.
    #[error("{} holds no certificate: write the file with the certificate and its chain into `server.tls.certificate`", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate that does not parse.
    #[error("{} holds a broken certificate: get it from its issuer again", .0.display())]
    BadCertificate(PathBuf),
    /// PEM without a private key.
    #[error("{} holds no private key: write the file with the certificate's key into `server.tls.key`", .0.display())]
    NoKey(PathBuf),
    /// A private key under a passphrase.
    #[error("{} is a key under a passphrase: write a copy without one, with `openssl pkey`, and name that", .0.display())]
    Encrypted(PathBuf),
    /// A private key that does not parse, or of an unknown kind.
    #[error("{} holds a key that can't be used ({reason}): use an RSA key of 2048 bits and more, ECDSA P-256 or P-384, or Ed25519", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        reason: rustls::Error,
    },
    /// Everybody on the machine may use the key.
    #[error("{} can be read by everybody (mode {mode:04o}): `chmod 640 {}`, or 600", .path.display(), .path.display())]
    KeyForAll {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key is another certificate's.
    #[error("{} is not the key of {}: name files that belong together in `server.tls`", .key.display(), .certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// TLS can't be set up at all.
    #[error("TLS can't be set up: {0}")]
    Setup(#[source] rustls::Error),
}

/// The certificate of a listener. It can be replaced while the listener runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Certificates {
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Current(ArcSwap<Certificate>);

/// A certificate with its key, read and found good.
#[derive(Clone, Debug)]
pub struct Certificate {
    path: PathBuf,
    key: Arc<CertifiedKey>,
    begins: Timestamp,
    ends: Timestamp,
}

impl Certificates {
    /// Shows this certificate: TLS 1.2 and 1.3, HTTP/1.1 inside.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(certificate: Certificate) -> Result<Self, TlsError> {
        let current = Arc::new(Current(ArcSwap::from_pointee(certificate)));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { current, config: Arc::new(config) })
    }

    /// Reads the certificate (with its chain, the certificate itself first) and its key, both PEM, and shows it.
    ///
    /// # Errors
    /// It can't be used.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::new(Certificate::read(certificate, key)?)
    }

    /// Shows this one to whoever connects from here on.
    pub fn replace(&self, certificate: Certificate) {
        self.current.0.store(Arc::new(certificate));
    }

    /// The certificate that is shown now.
    pub fn current(&self) -> Arc<Certificate> {
        self.current.0.load_full()
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl Certificate {
    /// Reads the certificate (with its chain, the certificate itself first) and its key, both PEM.
    ///
    /// # Errors
    /// A file is missing, unreadable or not what it should be; the key is another certificate's, or everybody may read it.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_chain(certificate)?;
        let (begins, ends) = validity(&chain, certificate)?;
        let signs = provider()
            .key_provider
            .load_private_key(read_key(key)?)
            .map_err(|reason| TlsError::BadKey { path: key.to_owned(), reason })?;
        let certified = CertifiedKey::new(chain, signs);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => {
                return Err(TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() });
            }
        }
        Ok(Self { path: certificate.to_owned(), key: Arc::new(certified), begins, ends })
    }

    /// From then on clients refuse it.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Whether it is the same certificate as `other`, wherever it was read.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    /// What an operator should know though it works.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let path = self.path.display();
        if now >= self.ends {
            Some(format!("{path}: the certificate has expired, clients refuse it: renew it and reload"))
        } else if now < self.begins {
            Some(format!(
                "{path}: the certificate is not good yet, clients refuse it: check it and this machine's clock"
            ))
        } else {
            None
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path, "server.tls.certificate")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(TlsError::NoCertificate(path.to_owned())),
        Err(_) => Err(TlsError::BadCertificate(path.to_owned())),
    }
}

/// When the first of the chain begins and ends to be good. All of them must parse.
fn validity(chain: &[CertificateDer<'_>], path: &Path) -> Result<(Timestamp, Timestamp), TlsError> {
    let mut own = None;
    for certificate in chain {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| TlsError::BadCertificate(path.to_owned()))?;
        own.get_or_insert_with(|| parsed.validity().clone());
    }
    let own = own.ok_or_else(|| TlsError::NoCertificate(path.to_owned()))?;
    let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1_000));
    Ok((at(own.not_before.timestamp()), at(own.not_after.timestamp())))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path, "server.tls.key")?;
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(TlsError::KeyForAll { path: path.to_owned(), mode });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(&text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            TlsError::Encrypted(path.to_owned())
        }
        pem::Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        _ => {
            let reason = rustls::Error::General("its PEM is broken".to_owned());
            TlsError::BadKey { path: path.to_owned(), reason }
        }
    })
}

fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, TlsError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TlsError::Missing { path: path.to_owned(), setting },
        _ => TlsError::Unreadable { path: path.to_owned(), source },
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::TooLarge { path: path.to_owned(), setting });
    }
    if !contains(&text, "-----BEGIN ") {
        return Err(TlsError::NotPem { path: path.to_owned(), setting });
    }
    Ok(text)
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}
