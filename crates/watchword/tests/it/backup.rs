//! `watchword backup`: a copy that is worth something, and never one in place of another.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::Value;
use watchword_testkit::deadline::eventually;

use crate::support::{PROGRAM, Receiver, Server, Site};

/// Starts verifications of these names, several at once, and gives back their codes.
async fn start(server: &Server, names: Vec<String>) -> Vec<(String, String)> {
    let put = async |name: String| {
        let reply = server.put(&name, &[("provider", "sms"), ("to", "+77011234567"), ("ttl", "600")]).await;
        assert_eq!(reply.status(), 200, "{name}");
        let reply: Value = reply.json().await.unwrap();
        (name, reply["data"]["otp"].as_str().unwrap().to_owned())
    };
    join_all(names.into_iter().map(put)).await
}

fn names(prefix: &str, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{prefix}-{number}")).collect()
}

fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_taken_under_load_serves_all_that_was_acknowledged_before_it() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let server = site.serve(&[]);
    let mut acknowledged = Vec::new();
    for first in (0..300).step_by(25) {
        acknowledged.extend(start(&server, names("before", first..first + 25)).await);
    }

    let server = Arc::new(server);
    let (done, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let (server, done, rounds) = (Arc::clone(&server), Arc::clone(&done), Arc::clone(&rounds));
        async move {
            while !done.load(Ordering::Relaxed) {
                let number = 8 * rounds.fetch_add(1, Ordering::Relaxed);
                start(&server, names("during", number..number + 8)).await;
            }
        }
    };
    let load = tokio::spawn(load);
    // The copy is begun while callers are at work, and they go on meanwhile.
    eventually("the load", async || (rounds.load(Ordering::Relaxed) > 1).then_some(())).await;
    let copy = |_| {
        let elsewhere = tempfile::tempdir().unwrap();
        let path = elsewhere.path().join("watchword.db");
        let before = rounds.load(Ordering::Relaxed);
        let said = tokio::task::block_in_place(|| site.says(&["backup", path.to_str().unwrap()]));
        (elsewhere, said, rounds.load(Ordering::Relaxed) - before)
    };
    // A copy of so little may be over before a busy machine had two rounds of calls.
    let copied = (0..10).map(copy).find(|(_, _, during)| *during > 1);
    done.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let (elsewhere, said, _) = copied.expect("callers go on while it is copied");
    let path = elsewhere.path().join("watchword.db");
    let store = site.store();
    let (first, second) = said.trim_end().split_once('\n').unwrap();
    assert!(first.starts_with(&format!("Copied {} to {}: ", store.display(), path.display())), "{said}");
    assert!(first.ends_with("The copy is checked and on the disk."), "{said}");
    assert_eq!(
        second,
        format!(
            "It is of use only with the key file {}: keep a copy of that, apart from this one.",
            site.key_file().display()
        )
    );
    assert_eq!(listed(elsewhere.path()), ["watchword.db"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    Arc::into_inner(server).unwrap().terminate().await;

    // A store of its own, with the same key.
    fs::copy(site.key_file(), elsewhere.path().join("watchword.key")).unwrap();
    let url = format!("sqlite:{}", path.display());
    let server = site.serve(&[("WATCHWORD_STORE", &url), ("WATCHWORD_STORE__URL", &url)]);
    assert_eq!(start(&server, vec!["new-one".to_owned()]).await.len(), 1);
    for chunk in acknowledged.chunks(25) {
        let checked = join_all(chunk.iter().map(|(name, code)| server.check(name, code))).await;
        for ((status, reply), (name, _)) in checked.into_iter().zip(chunk) {
            assert_eq!(status, 200, "{name}: {reply}");
        }
    }
    assert!(elsewhere.path().join("watchword.db-lock").exists(), "it ran on the copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("copy.db");
    let backup = ["backup", path.to_str().unwrap()];
    let shown = path.display();
    assert_eq!(
        site.refuses(1, &backup),
        format!(
            "there is no store at {}: name the server's configuration with --config, or start the server once",
            site.store().display()
        )
    );
    let server = site.serve(&[]);
    start(&server, names("person", 0..20)).await;

    fs::write(&path, "precious").unwrap();
    assert_eq!(
        site.refuses(1, &backup),
        format!(
            "{shown} is there already and stays as it is; choose another name, or replace it with --force"
        )
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let copied = site.json(&[&backup[..], &["--force", "--json"]].concat());
    assert_eq!(
        (&copied["verifications"], &copied["bytes"]),
        (&20.into(), &fs::metadata(&path).unwrap().len().into())
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(fs::read(&path).unwrap().starts_with(b"SQLite format 3\0"));

    let folder = to.path().display();
    assert_eq!(
        site.refuses(1, &["backup", to.path().to_str().unwrap()]),
        format!("{folder} is a folder; name a file in it, for instance {folder}/watchword-backup.db")
    );
    assert_eq!(
        site.refuses(1, &["backup", to.path().join("nowhere/copy.db").to_str().unwrap()]),
        format!("the folder {folder}/nowhere is not there; create it first")
    );
    let store = site.store();
    assert_eq!(
        site.refuses(1, &["backup", store.to_str().unwrap(), "--force"]),
        format!(
            "{} belongs to the store, its key or its configuration; choose another name",
            store.display()
        )
    );
    assert!(site.refuses(1, &["backup", "/proc/copy.db"]).starts_with("no file can be made in /proc ("));
    assert_eq!(listed(to.path()), ["copy.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_finds_no_room_is_taken_away_again() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let server = site.serve(&[]);
    start(&server, names("person", 0..20)).await;
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("copy.db");
    // No file may grow past 50 KiB: what a disk quota does, for this process alone.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let arguments = ["-c", script, PROGRAM, "backup", path.to_str().unwrap(), "--config"];
    let output = Command::new("sh").args(arguments).arg(&site.config).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with(&format!("watchword: {}", to.path().display()))
            && said.contains(" can't be written: "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(listed(to.path()), [""; 0]);
    start(&server, names("another", 0..1)).await;
}

/// As `docs/operations/backup.md` has it, after a crash: the old database has a log beside it then.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_put_back_after_a_crash() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let mut server = site.serve(&[]);
    let kept = start(&server, names("before", 0..20)).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("watchword.db");
    site.says(&["backup", copy.to_str().unwrap()]);
    let lost = start(&server, names("after", 0..50)).await;
    server.process.kill();

    let beside = |end: &str| site.folder.path().join(format!("data/watchword.db{end}"));
    assert!(fs::metadata(beside("-wal")).unwrap().len() > 0, "a crash leaves the log behind");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations/backup.md"));
    let page = page.unwrap();
    let (removes, installs) = (page.find("sudo rm -f ").unwrap(), page.find("sudo install ").unwrap());
    let removed = page[removes..].lines().next().unwrap();
    assert!(removes < installs && ["-wal", "-shm"].iter().all(|end| removed.contains(end)), "{removed}");
    for end in ["-wal", "-shm"] {
        fs::remove_file(beside(end)).unwrap();
    }
    fs::copy(&copy, site.store()).unwrap();

    let server = site.serve(&[]);
    for (name, code) in &kept {
        assert_eq!(server.check(name, code).await.0, 200, "{name}");
    }
    for (name, code) in &lost {
        assert_eq!(server.check(name, code).await.1["message"], "the OTP does not exist", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_store_is_replaced_by_a_copy() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let server = site.serve(&[]);
    start(&server, names("john", 0..5)).await;
    let beside = |end: &str| site.folder.path().join(format!("data/watchword.db{end}"));
    for path in
        [beside(""), beside("-wal"), beside("-shm"), beside("-lock"), site.key_file(), site.config.clone()]
    {
        let line = site.refuses(1, &["backup", path.to_str().unwrap(), "--force"]);
        let expected = "belongs to the store, its key or its configuration; choose another name";
        assert_eq!(line, format!("{} {expected}", path.display()));
    }
    start(&server, names("jane", 0..5)).await;
}
