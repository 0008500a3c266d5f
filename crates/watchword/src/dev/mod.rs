//! `watchword dev`: a server to try, with an inbox in place of mail and telephones.

pub mod commands;
pub mod inbox_page;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use commands::Commands;

/// What `dev` sets before anybody else sets something.
pub const PRESET: &str = "
[namespaces.dev]
secret = \"dev\"
[providers.inbox]
kind = \"inbox\"
[log]
format = \"text\"
level = \"warn\"
";

/// What a person is told at the start.
pub struct Welcome<'a> {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where the admin listener is, if there is one.
    pub admin: Option<SocketAddr>,
    /// Where the data is.
    pub data: &'a Data,
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = Commands::new(self.listen);
        let (data, end) = match self.data {
            Data::Fleeting(folder) => (folder.path().display().to_string(), "removed when it stops"),
            Data::Kept(folder) => (folder.display().to_string(), "kept"),
            Data::Elsewhere { .. } => ("the store of --store".to_owned(), "kept"),
        };
        let admin = self.admin.map(|admin| ("Admin", format!("http://{admin}"), "/health, /ready, /metrics"));
        let places = [
            Some(("Inbox", commands.inbox(), "messages show here as they come")),
            Some(("API", commands.origin().to_owned(), "namespace dev, secret dev, provider inbox")),
            admin,
            Some(("Data", data, end)),
        ];
        let places = places.iter().flatten();
        let width = places.clone().map(|(_, place, _)| place.chars().count()).max().unwrap_or_default();
        writeln!(f, "Watchword {} runs, for you to try.\n", env!("CARGO_PKG_VERSION"))?;
        for (name, place, note) in places {
            writeln!(f, "  {name:7}{place:width$}   {note}")?;
        }
        writeln!(f)?;
        if !self.listen.ip().is_loopback() {
            writeln!(f, "Whoever can reach {} can read the inbox.\n", self.listen)?;
        }
        writeln!(f, "Copy and paste:\n")?;
        for (what, line) in [
            ("Ask for a passcode", commands.ask()),
            ("See it in the inbox, or here", commands.look()),
            ("Check it, as if somebody had typed it", commands.check()),
            ("Ask whether it was verified", commands.status()),
        ] {
            writeln!(f, "  {what}:\n    {line}\n")?;
        }
        write!(f, "Stop it with Ctrl-C.")
    }
}

/// Where `dev` keeps its data. No `Debug`: a store's URL may hold a password.
pub enum Data {
    /// A folder of its own, removed with this.
    Fleeting(tempfile::TempDir),
    /// The person's.
    Kept(PathBuf),
    /// In a store that is a server of its own.
    Elsewhere {
        /// Its URL; it may hold a password.
        url: String,
    },
}

impl Data {
    /// The folder that was asked for, made where it is missing; else a fresh one.
    ///
    /// # Errors
    /// It can't be used.
    pub fn at(folder: Option<PathBuf>) -> Result<Self, DataError> {
        match folder {
            None => {
                let failed = |source| DataError::Fleeting { folder: std::env::temp_dir(), source };
                tempfile::Builder::new()
                    .prefix("watchword-dev-")
                    .tempdir()
                    .map(Self::Fleeting)
                    .map_err(failed)
            }
            Some(folder) => {
                if folder.exists() && !folder.is_dir() {
                    return Err(DataError::NoFolder { folder });
                }
                Ok(Self::Kept(folder))
            }
        }
    }

    /// The store as a setting.
    ///
    /// # Errors
    /// The folder's name can't be part of one.
    pub fn store_url(&self) -> Result<String, DataError> {
        let folder = match self {
            Self::Fleeting(folder) => folder.path(),
            Self::Kept(folder) => folder,
            Self::Elsewhere { url } => return Ok(url.clone()),
        };
        let name = folder.to_str().filter(|name| !name.contains('?'));
        let name = name.ok_or_else(|| DataError::Name { folder: folder.into() })?;
        Ok(format!("sqlite:{name}/watchword.db"))
    }
}

/// Why there is no folder for the data. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is something else.
    #[error("--data {folder}: that is not a folder; name one, or a place for a new one")]
    NoFolder {
        /// As given.
        folder: PathBuf,
    },
    /// Its name can't be written into a setting.
    #[error("--data {folder}: a name that is not UTF-8, or with a `?`, can't be used; name another folder")]
    Name {
        /// As given.
        folder: PathBuf,
    },
    /// No folder could be made.
    #[error(
        "no folder can be made under {folder} ({source}); set TMPDIR to one that you may write to, or use --data"
    )]
    Fleeting {
        /// Where.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
