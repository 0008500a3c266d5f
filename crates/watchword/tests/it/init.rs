//! `watchword init`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Run, run_in};

fn init(folder: &Path, arguments: &[&str]) -> Run {
    run_in(folder, ["init"].iter().chain(arguments), &[])
}

/// The secret in a file that was written.
fn secret(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("secret = \"")?.strip_suffix('"')).unwrap()
}

#[test]
fn it_writes_a_configuration_that_is_good_and_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let run = init(folder.path(), &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert_eq!(
        run.out,
        "1. Fill in your mail server in watchword.toml, under [providers.mail]. Only you can read the file.\n\
         2. Check it and start: watchword config check && watchword serve\n\
         3. Have a code sent: the command is in the last lines of watchword.toml.\n"
    );
    let file = folder.path().join("watchword.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(secret(&text).len(), 43, "32 bytes in base64");
    assert_eq!(text.matches(secret(&text)).count(), 3, "in its setting and in both commands");

    let check = run_in(folder.path(), ["config", "check"], &[]);
    let store = fs::canonicalize(folder.path()).unwrap().join("watchword.db");
    assert_eq!(check.err, "");
    assert_eq!(
        (check.code, check.out),
        (
            Some(0),
            format!(
                "good: listens on 127.0.0.1:9000, store sqlite:{}, 1 namespace, providers mail (smtp)\n",
                store.display()
            )
        )
    );
    assert!(!store.exists(), "a check touches nothing");
}

#[test]
fn every_secret_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = ["one.toml", "two.toml"].map(|name| {
        let run = init(folder.path(), &["--path", name]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(
            run.out.contains(&format!(
                "watchword config check --config {name} && watchword serve --config {name}"
            )),
            "{run:?}"
        );
        secret(&fs::read_to_string(folder.path().join(name)).unwrap()).to_owned()
    });
    assert_ne!(secrets[0], secrets[1]);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watchword.toml");
    let expected = Run {
        code: Some(1),
        out: String::new(),
        err: "watchword: watchword.toml is there already, and stays as it is: edit it, or name another place with --path\n"
            .to_owned(),
    };
    fs::write(&file, "mine").unwrap();
    assert_eq!(init(folder.path(), &[]), expected);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");

    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("elsewhere", &file).unwrap();
    assert_eq!(init(folder.path(), &[]), expected, "a link that leads nowhere");

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(init(folder.path(), &[]), expected, "a folder");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = init(folder.path(), &["--path", "nowhere/watchword.toml"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with("watchword: nowhere/watchword.toml can't be written ("), "{run:?}");
    assert!(run.err.ends_with("): name another place with --path\n"), "{run:?}");
}
