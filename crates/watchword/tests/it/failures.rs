//! What goes wrong at a start: one clear line on standard error, what to do, and the right exit code.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Server, ended};

const ADMIN: (&str, &str) = ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0");

/// How `watchword dev` fails with these arguments.
fn dev_fails(arguments: &[&str]) -> String {
    let free = ["--listen", "127.0.0.1:0"];
    let free = free.iter().filter(|_| !arguments.contains(&free[0]));
    one_line(1, ended(["dev"].iter().chain(free).chain(arguments), &[ADMIN]))
}

fn one_line(code: i32, (status, lines): (Option<i32>, Vec<String>)) -> String {
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(status, Some(code), "{line}");
    line.clone()
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let line = dev_fails(&["--data", data.to_str().unwrap(), "--listen", &address]);
    let expected = "is in use by another program: stop that one, or choose another port";
    assert_eq!(line, format!("watchword: server.listen: {address} {expected}"));
    assert!(!data.exists(), "nothing is touched before the port is ours");

    let environment = [("WATCHWORD_ADMIN__LISTEN", address.as_str())];
    let line = one_line(1, ended(["dev", "--listen", "127.0.0.1:0"], &environment));
    assert_eq!(line, format!("watchword: admin.listen: {address} {expected}"));
}

#[test]
fn an_address_of_another_machine() {
    // 192.0.2.0/24 is nobody's (RFC 5737).
    let line = dev_fails(&["--listen", "192.0.2.1:9000"]);
    assert_eq!(
        line,
        "watchword: server.listen: 192.0.2.1:9000 is no address of this machine: choose another one"
    );
}

#[test]
fn a_folder_that_is_none_or_can_not_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let line = dev_fails(&["--data", file.to_str().unwrap()]);
    let file = file.display();
    assert_eq!(
        line,
        format!("watchword: --data {file}: that is not a folder; name one, or a place for a new one")
    );
    // No user may make folders there, not even root.
    let line = dev_fails(&["--data", "/proc/watchword"]);
    assert!(line.starts_with("watchword: the folder /proc/watchword can't be used ("), "{line}");
    assert!(line.ends_with("; create it and give it to the user that runs Watchword"), "{line}");
}

#[test]
fn a_file_of_another_program_in_place_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("watchword.db"), "not a database, but long enough to look at".repeat(50))
        .unwrap();
    let line = dev_fails(&["--data", folder.path().to_str().unwrap()]);
    assert!(
        line.ends_with("is not a Watchword database; choose another path, or move that file away"),
        "{line}"
    );
}

#[test]
fn a_store_that_another_server_holds() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--data", folder.path().to_str().unwrap()];
    let _server = Server::dev(arguments);
    let line = dev_fails(&arguments);
    assert!(line.starts_with("watchword: another running server holds "), "{line}");
}

#[test]
fn a_key_file_that_others_can_read_or_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--data", folder.path().to_str().unwrap()];
    let mut server = Server::dev(arguments);
    server.process.terminate();
    let key = folder.path().join("watchword.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let line = dev_fails(&arguments);
    assert!(
        line.contains(&format!("{} is open to others (mode 0640): run `chmod 600 ", key.display())),
        "{line}"
    );

    fs::remove_file(&key).unwrap();
    let line = dev_fails(&arguments);
    assert!(
        line.starts_with(&format!("watchword: the key file {} is missing, and the store", key.display())),
        "{line}"
    );
    assert!(!key.exists(), "no new key is made in silence");
}

#[test]
fn mistakes_in_the_configuration_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchword.toml");
    fs::write(&config, "[server]\nlisen = \"127.0.0.1:0\"\n[namespaces.app]\nsecret = \"\"\n").unwrap();
    let path = config.display();
    let (status, lines) = ended([Path::new("serve"), Path::new("--config"), &config], &[]);
    assert_eq!(status, Some(2));
    assert_eq!(
        lines,
        [
            "watchword: the configuration has 3 mistakes:".to_owned(),
            format!("  {path}:2: server.lisen: unknown; did you mean `listen`?"),
            format!("  {path}:4: namespaces.app.secret: must not be empty"),
            "  providers: no provider is configured, so nothing could be sent: add a section [providers.NAME] with a `kind`"
                .to_owned(),
        ]
    );
}

#[test]
fn a_command_line_that_is_wrong() {
    let (status, lines) = ended(["dev", "--lisen", "127.0.0.1:0"], &[]);
    assert_eq!((status, lines[0].as_str()), (Some(2), "error: unexpected argument '--lisen' found"));
    let (status, lines) = ended(["dev", "--listen", "9000"], &[]);
    assert_eq!(status, Some(2));
    assert!(
        lines[0].ends_with("write an IP address and a port, like 127.0.0.1:9000 or [::]:9000"),
        "{lines:?}"
    );
}
