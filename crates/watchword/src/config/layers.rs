//! The sources, one over the other, as one tree.

use std::ffi::OsString;
use std::path::PathBuf;

use watchword_delivery::settings::Secret;

use super::environment::Environment;
use super::otpgateway::{self, Theirs};
use super::problem::Problem;
use super::translated::{Renames, Translated};
use super::tree::{Node, Origin, Value};
use super::{ConfigError, Flag, Original, Sources, egov, file, perfumer};

/// The file that is read when none is named, if it is there.
const USUAL_FILE: &str = "watchword.toml";

/// Everything that was set, and what is known about it.
pub(super) struct Layers {
    /// All settings; later sources have won.
    pub(super) root: Node,
    pub(super) environment: Environment,
    /// Whose configuration was read in place of ours.
    pub(super) original: Option<Original>,
    /// What the settings are called there.
    pub(super) renames: Renames,
    /// The secret that servers in its place have in common, where it is no setting of ours.
    pub(super) secret: Option<Secret>,
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    /// What is wrong already.
    pub(super) problems: Vec<Problem>,
    /// What an operator should know though it works.
    pub(super) warnings: Vec<String>,
    /// A file was looked for and none was found.
    pub(super) no_file: bool,
    /// Files of the original that are not there: of interest only where something is wrong.
    missing: Vec<Problem>,
}

impl Layers {
    /// Reads all sources.
    ///
    /// # Errors
    /// One of them can't be read: what it has would be missing everywhere.
    pub(super) fn read(sources: Sources) -> Result<Self, ConfigError> {
        let Sources { preset, original, files, no_usual_file, environment: variables, flags } = sources;
        let mut problems = Vec::new();
        let environment = Environment::read(&variables, &mut problems);
        let mut layers = Self {
            root: Node::table(Origin::BuiltIn),
            original,
            renames: Renames::default(),
            secret: None,
            files: Vec::new(),
            problems: Vec::new(),
            warnings: environment.warnings.clone(),
            environment,
            no_file: false,
            missing: Vec::new(),
        };
        let mut without_store = None;
        if let Some(text) = preset {
            layers.merge(file::parse(text, &"the command".into()), &mut problems);
        }
        let own_files = match original {
            Some(original) => {
                let translated = match original {
                    Original::Otpgateway => layers.otpgateway(&files, &variables, &mut problems),
                    Original::Perfumer => {
                        problems.extend(files.iter().map(|file| perfumer::has_no_file(file)));
                        perfumer::translate(&variables, &mut problems)
                    }
                    Original::Egov => {
                        layers.files.clone_from(&files);
                        egov::translate(&files, &variables, &mut problems)
                    }
                };
                without_store = layers.adopt(translated);
                layers.environment.config.iter().map(PathBuf::from).collect()
            }
            None => files_to_read(files, no_usual_file, &layers.environment),
        };
        layers.no_file = own_files.is_empty() && !no_usual_file && original.is_none();
        for path in own_files {
            layers.merge(file::read(&path), &mut problems);
            layers.files.push(path);
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        layers.environment.apply(&mut layers.root);
        for Flag { flag, key, value } in flags {
            layers.root.set(&key.split('.').collect::<Vec<_>>(), value, &Origin::Flag(flag));
        }
        if layers.root.get(&["store", "url"]).is_none() {
            layers.problems.extend(without_store);
        }
        Ok(layers)
    }

    fn merge(&mut self, layer: Result<Node, Problem>, problems: &mut Vec<Problem>) {
        match layer {
            Ok(layer) => self.root.merge(layer),
            Err(problem) => problems.push(problem),
        }
    }

    /// Takes over what the original's configuration says; gives back what is wrong where nobody says where the state is kept.
    fn adopt(&mut self, translated: Translated) -> Option<Problem> {
        self.root.merge(translated.root);
        self.renames = translated.renames;
        self.secret = translated.secret;
        self.problems.extend(translated.problems);
        self.warnings.extend(translated.warnings);
        translated.without_store
    }

    fn otpgateway(
        &mut self,
        files: &[PathBuf],
        variables: &[(OsString, OsString)],
        unreadable: &mut Vec<Problem>,
    ) -> Translated {
        let Theirs { root, missing, read } = otpgateway::read(files, variables, unreadable);
        if !files.is_empty() {
            self.warnings.extend(missing.iter().map(Problem::to_string));
        }
        self.missing = missing;
        self.files = read;
        otpgateway::translate(root)
    }

    /// All that is wrong, each thing by the name that the person knows it by.
    pub(super) fn error(self) -> ConfigError {
        let Self { problems, renames, missing, .. } = self;
        let named = problems.into_iter().map(|problem| renames.apply(problem));
        ConfigError::new(missing.into_iter().chain(named).collect())
    }

    /// Whether a section has anything in it.
    pub(super) fn has(&self, section: &str) -> bool {
        let node = self.root.get(&[section]);
        node.is_some_and(|node| matches!(&node.value, Value::Table(table) if !table.is_empty()))
    }
}

fn files_to_read(named: Vec<PathBuf>, no_usual_file: bool, environment: &Environment) -> Vec<PathBuf> {
    if !named.is_empty() || no_usual_file {
        return named;
    }
    match &environment.config {
        Some(path) => vec![path.into()],
        None => Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists()).into_iter().collect(),
    }
}
