//! What people see: its settings, and an operator's own files.

use std::fs;
use std::time::Duration;

use super::*;

#[test]
fn pages_behave_as_configured() {
    let usual = with(LEAST, &[], Vec::new()).unwrap();
    assert_eq!(
        (usual.pages.resend_cool_down, usual.pages.requests_per_minute),
        (Duration::from_secs(30), 120)
    );
    assert!(usual.frame_ancestors.is_empty(), "any site may frame them");
    let file = format!(
        "{LEAST}
        [pages]
        resend_cool_down = \"90s\"
        requests_per_minute = 0
        logo_url = \"https://example.com/logo.png\"
        [namespaces.framed]
        secret = \"s3cret\"
        frame_ancestors = [\"https://app.example.com\", \"self\"]
        [namespaces.alone]
        secret = \"s3cret\"
        frame_ancestors = []"
    );
    let config = with(&file, &[], Vec::new()).unwrap();
    assert_eq!(
        (config.pages.resend_cool_down, config.pages.requests_per_minute),
        (Duration::from_secs(90), 0)
    );
    let ancestors: Vec<_> =
        config.frame_ancestors.iter().map(|(namespace, sites)| (namespace.as_str(), sites.len())).collect();
    assert_eq!(ancestors, [("alone", 0), ("framed", 2)]);
}

#[test]
fn each_mistake_is_told_where_it_is() {
    let file = format!(
        "{LEAST}
        frame_ancestors = 5
        [pages]
        resend_cool_down = \"2h\"
        requests_per_minute = -1
        logo_url = \"logo.png\"
        favicon = \"/x.ico\"
        folder = \"nowhere\"
        [namespaces.framed]
        secret = \"s3cret\"
        frame_ancestors = [\"https://app.example.com/path\"]"
    );
    let wrong = mistakes(&file.replace("frame_ancestors = 5", ""), &[]);
    let told =
        |text: &str| assert!(wrong.iter().any(|line| line.contains(text)), "no {text:?} in {wrong:#?}");
    told("pages.resend_cool_down: must be from 0s to 1h");
    told("pages.requests_per_minute: must be a whole number from 0 to 1000000");
    told("pages.logo_url: must be a URL, like \"https://example.com/logo.png\", or a path");
    told("pages.favicon: unknown; did you mean `favicon_url`?");
    told("/nowhere: this folder can't be read: ");
    told("must be a site, like \"https://app.example.com\"");
}

#[test]
fn an_operator_s_own_pages_are_beside_the_file_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.toml");
    fs::write(&path, format!("{LEAST}\n[pages]\nfolder = \"mine\"\n")).unwrap();
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let load = || load(Sources { files: vec![path.clone()], ..Sources::default() }, &registry());
    fs::write(mine.join("message.html"), "<h1>{{ title }}</h1>").unwrap();
    load().unwrap();
    fs::write(mine.join("message.html"), "<h1>\n{{ titel }}</h1>").unwrap();
    let wrong = load().unwrap_err().to_string();
    assert_eq!(
        wrong,
        format!("{}:2: undefined value: `titel` is undefined", mine.join("message.html").display())
    );
}
