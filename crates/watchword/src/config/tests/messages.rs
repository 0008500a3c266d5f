//! `subject`, `template`, `template_text` and `template_format`.

use std::fs;

use watchword_core::delivery::BodyFormat;

use super::*;

/// A folder with a configuration whose provider has these settings besides, and these files beside it.
fn folder(settings: &str, files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), content).unwrap();
    }
    fs::write(folder.path().join("watchword.toml"), format!("{LEAST}{settings}\n")).unwrap();
    folder
}

fn read(folder: &tempfile::TempDir, environment: &[(&str, &str)]) -> Result<MessageTemplates, Vec<String>> {
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let files = vec![folder.path().join("watchword.toml")];
    let shown = format!("{}/", folder.path().display());
    match load(Sources { files, environment, ..Sources::default() }, &registry()) {
        Ok(config) => Ok(config.messages.get(&ProviderId::new("sms").unwrap()).cloned().unwrap_or_default()),
        Err(error) => Err(error.problems().iter().map(|one| one.to_string().replace(&shown, "")).collect()),
    }
}

fn body(source: &str, format: BodyFormat) -> Option<BodyTemplate> {
    Some(BodyTemplate { source: source.to_owned(), format })
}

#[test]
fn a_template_is_looked_for_beside_the_file_that_names_it() {
    let code = "{{ .OTP }}";
    let here = folder("template = \"words/sms.txt\"", &[("words/sms.txt", code.as_bytes())]);
    assert_eq!(read(&here, &[]), Ok(MessageTemplates { subject: None, body: body(code, BodyFormat::Text) }));
    // One that a variable names, where the program runs.
    let elsewhere = here.path().join("words/sms.txt");
    let none = folder("", &[]);
    let variable = ("WATCHWORD_PROVIDERS__SMS__TEMPLATE", elsewhere.to_str().unwrap());
    assert_eq!(read(&none, &[variable]).unwrap().body, body(code, BodyFormat::Text));
}

#[test]
fn a_body_says_what_it_is_written_in_and_empty_settings_are_none() {
    let files: &[(&str, &[u8])] = &[("a.tpl", b"<p>{{ .OTP }}</p>")];
    let html = folder("subject = \"For {{ .To }}\"\ntemplate = \"a.tpl\"\ntemplate_format = \"html\"", files);
    let words = read(&html, &[]).unwrap();
    assert_eq!(words.subject.as_deref(), Some("For {{ .To }}"));
    assert_eq!(words.body, body("<p>{{ .OTP }}</p>", BodyFormat::Html));
    let empty = folder("subject = \"\"\ntemplate = \"\"", files);
    assert_eq!(read(&empty, &[]), Ok(MessageTemplates::default()));
}

#[test]
fn a_template_may_stand_in_the_configuration_itself() {
    let here = folder("template_text = '''\n{{ .OTP }}\nNo more.'''\ntemplate_format = \"html\"", &[]);
    assert_eq!(read(&here, &[]).unwrap().body, body("{{ .OTP }}\nNo more.", BodyFormat::Html));
    let empty = folder("template_text = \"\"", &[]);
    assert_eq!(read(&empty, &[]), Ok(MessageTemplates::default()));
    let both = folder("template = \"a.tpl\"\ntemplate_text = \"{{ .OTP }}\"", &[("a.tpl", b"{{ .OTP }}")]);
    assert_eq!(
        read(&both, &[]),
        Err(vec![
            "watchword.toml:8: providers.sms.template_text: is set, and so is `template`; remove one"
                .to_owned()
        ])
    );
    for (text, problem) in [("{{ .OTP", "line 1: "), (&*" ".repeat(64 * 1_024 + 1), "is larger than 64 KiB")]
    {
        let found = read(&folder(&format!("template_text = \"{text}\""), &[]), &[]).unwrap_err();
        let expected = format!("watchword.toml:7: providers.sms.template_text: {problem}");
        assert!(matches!(&found[..], [only] if only.starts_with(&expected)), "{found:?}");
    }
}

#[test]
fn mail_is_html_unless_said_otherwise() {
    let mail = "\n[providers.mail]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\ntemplate = \"a.tpl\"";
    let here = folder(mail, &[("a.tpl", b"{{ .OTP }}")]);
    let sources = Sources { files: vec![here.path().join("watchword.toml")], ..Sources::default() };
    let config = load(sources, &registry()).unwrap();
    let words = &config.messages[&ProviderId::new("mail").unwrap()];
    assert_eq!(words.body, body("{{ .OTP }}", BodyFormat::Html));
}

/// Settings, files beside, and how the one mistake begins.
type Case<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a str);

#[test]
fn what_is_wrong_with_a_template_is_told_with_its_place() {
    let large = vec![b' '; 64 * 1_024 + 1];
    let cases: &[Case<'_>] = &[
        ("template = \"a.tpl\"", &[], "watchword.toml:7: providers.sms.template: there is no file a.tpl"),
        (
            "template = \"words\"",
            &[("words/a.tpl", b"")],
            "watchword.toml:7: providers.sms.template: words is not a file",
        ),
        (
            "template = \"a.tpl\"",
            &[("a.tpl", &large[..])],
            "watchword.toml:7: providers.sms.template: a.tpl is larger than 64 KiB",
        ),
        (
            "template = \"a.tpl\"",
            &[("a.tpl", b"\xff")],
            "watchword.toml:7: providers.sms.template: a.tpl is not UTF-8 text",
        ),
        ("template = 7", &[], "watchword.toml:7: providers.sms.template: must be the path of a file"),
        (
            "template_format = \"html\"",
            &[],
            "watchword.toml:7: providers.sms.template_format: is for `template`, which is not set",
        ),
        (
            "template = \"a.tpl\"\ntemplate_format = \"htm\"",
            &[("a.tpl", b"")],
            "watchword.toml:8: providers.sms.template_format: must be one of `text`, `html`; did you mean `html`?",
        ),
        (
            "template = \"a.tpl\"\ntemplate_format = \"html\"",
            &[("a.tpl", b"one\n{{ if .OTP }}{{ .OPT }}{{ end }}\n")],
            "a.tpl:2: there is no field `.OPT` here, did you mean `.OTP`?",
        ),
        ("template = \"a.tpl\"", &[("a.tpl", b"\n\n{{ if }}")], "a.tpl:3: "),
        (
            "subject = \"{{ .Otp }}\"",
            &[],
            "watchword.toml:7: providers.sms.subject: there is no field `.Otp` here, did you mean `.OTP`?",
        ),
        ("subjekt = \"x\"", &[], "watchword.toml:7: providers.sms.subjekt: unknown; did you mean `subject`?"),
        (
            "template_fromat = \"x\"",
            &[],
            "watchword.toml:7: providers.sms.template_fromat: unknown; did you mean `template_format`?",
        ),
    ];
    for (settings, files, mistake) in cases {
        let found = read(&folder(settings, files), &[]).unwrap_err();
        let [only] = &found[..] else { panic!("{settings}: {found:#?}") };
        assert!(only.starts_with(mistake), "{settings}: {only}");
    }
}
