//! Spring's properties: from files, and from the environment under relaxed names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use java_properties::{LineContent, PropertiesIter};

use super::super::environment::is_service_link;
use super::super::problem::Problem;
use super::super::tree::Origin;

/// A file larger than this holds something else.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// How often a value may name another one in turn.
const MOST_PLACEHOLDERS: usize = 16;

/// A property, and where it is set.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// Everything that is set. The environment goes over the files, as Spring has it.
#[derive(Default)]
pub(super) struct Properties {
    /// By the name that is written there.
    files: BTreeMap<String, Property>,
    /// The environment, all of it: which of it is meant is told by the names that are asked for.
    environment: Vec<(String, Property)>,
}

impl Properties {
    /// Reads the files in their order, then the environment over them. What can't be read is recorded.
    pub(super) fn read(
        files: &[PathBuf],
        variables: &[(OsString, OsString)],
        unreadable: &mut Vec<Problem>,
    ) -> Self {
        let mut properties = Self::default();
        for file in files {
            if let Err(problem) = properties.read_file(file) {
                unreadable.push(problem);
            }
        }
        for (name, value) in variables {
            // What is not text can't be one of these.
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
            if !is_service_link(&name.to_ascii_uppercase(), value) {
                let property = Property { value: value.to_owned(), origin: Origin::Environment(name.into()) };
                properties.environment.push((name.to_owned(), property));
            }
        }
        // So that a start is like the one before.
        properties.environment.sort_by(|(one, _), (other, _)| one.cmp(other));
        properties
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Problem> {
        let shown = path.display().to_string();
        let wrong = |line, text: String| Problem::of_file(shown.as_str().into(), line, text);
        let text = read_small(path).map_err(|error| wrong(None, error.to_string()))?;
        for line in PropertiesIter::new(&text[..]) {
            let line = line.map_err(|error| {
                wrong(error.line_number(), "is not a line of a properties file".to_owned())
            })?;
            let origin = Origin::File { path: shown.as_str().into(), line: line.line_number() };
            if let LineContent::KVPair(name, value) = line.consume_content() {
                self.files.insert(name, Property { value: value.trim_end().to_owned(), origin });
            }
        }
        Ok(())
    }

    /// What a property is set to, be that nothing; placeholders in it are filled in.
    pub(super) fn set(&self, name: &str) -> Option<Property> {
        let Property { value, origin } = self.raw(name)?;
        Some(Property { value: self.filled(value, MOST_PLACEHOLDERS), origin: origin.clone() })
    }

    /// What it is set to, if that is something.
    pub(super) fn get(&self, name: &str) -> Option<Property> {
        self.set(name).filter(|property| !property.value.trim().is_empty())
    }

    fn raw(&self, name: &str) -> Option<&Property> {
        let name = uniform(name);
        let of_environment = self.environment.iter().find(|(known, _)| uniform(known) == name);
        let of_files = || self.files.iter().find(|(known, _)| uniform(known) == name);
        of_environment.map(|(_, property)| property).or_else(|| of_files().map(|(_, property)| property))
    }

    /// Everything that begins with `prefix` and a dot, by what follows. A variable's underscores are dots.
    pub(super) fn under(&self, prefix: &str) -> BTreeMap<String, Property> {
        let mut found = BTreeMap::new();
        for (name, property) in &self.files {
            if let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) {
                found.insert(rest.to_owned(), property.clone());
            }
        }
        for (name, property) in &self.environment {
            let dotted = name.to_ascii_lowercase().replace('_', ".");
            if let Some(rest) = dotted.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) {
                found.insert(rest.to_owned(), property.clone());
            }
        }
        for property in found.values_mut() {
            property.value = self.filled(&property.value, MOST_PLACEHOLDERS);
        }
        found
    }

    /// The names in the files, with their places. The environment is everybody's: what is not asked for there is not ours.
    pub(super) fn of_files(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.files.iter().map(|(name, property)| (name.as_str(), &property.origin))
    }

    /// Whether a value in the files names this property, so that it is there for that.
    pub(super) fn is_named_by_another(&self, name: &str) -> bool {
        self.files.values().any(|property| {
            property.value.split("${").skip(1).any(|rest| {
                let inside = rest.split('}').next().unwrap_or_default();
                is_same(inside.split(':').next().unwrap_or_default(), name)
            })
        })
    }

    /// `${name}` and `${name:default}` become what they stand for; one that stands for nothing stays as it is.
    fn filled(&self, value: &str, left: usize) -> String {
        let (Some(start), true) = (value.find("${"), left > 0) else { return value.to_owned() };
        let Some(end) = value[start..].find('}').map(|length| start + length) else {
            return value.to_owned();
        };
        let inside = &value[start + 2..end];
        let (name, default) = match inside.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let named = self.raw(name).map(|property| property.value.as_str()).or(default);
        let (before, after) = (&value[..start], self.filled(&value[end + 1..], left - 1));
        match named {
            Some(named) => format!("{before}{}{after}", self.filled(named, left - 1)),
            None => format!("{before}${{{inside}}}{after}"),
        }
    }
}

fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > MOST_FILE_BYTES {
        return Err(io::Error::other("is larger than 1 MiB: that is no configuration"));
    }
    fs::read(path)
}

/// Spring's relaxed names: case, dots, hyphens and underscores tell no two names apart.
fn uniform(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether two names are one to Spring.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    uniform(one) == uniform(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(file: &str, environment: &[(&str, &str)]) -> Properties {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("application.properties");
        fs::write(&path, file).unwrap();
        let variables: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut unreadable = Vec::new();
        let properties = Properties::read(&[path], &variables, &mut unreadable);
        assert_eq!(unreadable, []);
        properties
    }

    fn value(properties: &Properties, name: &str) -> Option<String> {
        properties.set(name).map(|property| property.value)
    }

    #[test]
    fn names_are_relaxed_and_the_environment_wins() {
        let file =
            "egov.otp.ttl=900\nspring.kafka.bootstrap-servers: one:9092\n# comment\nserver.port 8090\n";
        let read = properties(file, &[]);
        assert_eq!(value(&read, "egov.otp.ttl").as_deref(), Some("900"));
        assert_eq!(value(&read, "spring.kafka.bootstrap.servers").as_deref(), Some("one:9092"));
        assert_eq!(value(&read, "server.port").as_deref(), Some("8090"));
        assert_eq!(value(&read, "user.host"), None);
        for name in ["EGOV_OTP_TTL", "egov.otp.ttl", "Egov.Otp-Ttl"] {
            assert_eq!(
                value(&properties(file, &[(name, "5")]), "egov.otp.ttl").as_deref(),
                Some("5"),
                "{name}"
            );
        }
        for name in [
            "SPRING_KAFKA_BOOTSTRAP_SERVERS",
            "SPRING_KAFKA_BOOTSTRAPSERVERS",
            "SPRING_KAFKA_BOOTSTRAP-SERVERS",
        ] {
            let read = properties(file, &[(name, "")]);
            assert_eq!(value(&read, "spring.kafka.bootstrap.servers").as_deref(), Some(""), "{name}");
        }
        // What Kubernetes sets for a service that is called so is no setting.
        let read = properties(file, &[("SERVER_PORT", "tcp://10.0.0.1:80")]);
        assert_eq!(value(&read, "server.port").as_deref(), Some("8090"));
    }

    #[test]
    fn values_may_name_others() {
        let read = properties(
            "user.host=${base}/user\nbase=http://${name:localhost}:8080\nloop=${loop}\nnone=a${nowhere}b\nopen=${x\n",
            &[],
        );
        for (name, expected) in [
            ("user.host", "http://localhost:8080/user"),
            ("none", "a${nowhere}b"),
            ("open", "${x"),
            ("loop", "${loop}"),
        ] {
            assert_eq!(value(&read, name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_prefix_has_what_follows_it() {
        let read = properties(
            "spring.kafka.properties.sasl.mechanism=PLAIN\nspring.kafka.propertiesx=1\n",
            &[("SPRING_KAFKA_PROPERTIES_SECURITY_PROTOCOL", "SASL_SSL")],
        );
        let found = read.under("spring.kafka.properties");
        let found: Vec<_> =
            found.iter().map(|(name, property)| (name.as_str(), property.value.as_str())).collect();
        assert_eq!(found, [("sasl.mechanism", "PLAIN"), ("security.protocol", "SASL_SSL")]);
    }

    #[test]
    fn a_file_that_can_t_be_read_is_told() {
        let mut unreadable = Vec::new();
        Properties::read(&["/nowhere/application.properties".into()], &[], &mut unreadable);
        assert!(unreadable[0].to_string().starts_with("/nowhere/application.properties: "), "{unreadable:?}");
    }
}
