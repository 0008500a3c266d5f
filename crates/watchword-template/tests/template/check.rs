//! `check` finds what would fail, wherever it stands.

use std::time::Duration;

use watchword_template::{Escaping, Template, Value};

fn sample() -> Value {
    Value::from([
        ("OTP", "123456".into()),
        ("To", "anna@example.com".into()),
        ("OTPTTL", Duration::from_secs(300).into()),
        ("Items", Value::List(vec![Value::from([("Name", "x".into())])])),
        ("None", Value::List(Vec::new())),
    ])
}

fn checked(source: &str) -> String {
    match Template::parse(source, Escaping::None).unwrap().check(&sample()) {
        Ok(()) => "good".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_field_that_is_not_there_is_found_in_every_branch() {
    for (source, said) in [
        ("{{ .OTP }}", "good"),
        ("{{ .OPT }}", "line 1: there is no field `.OPT` here, did you mean `.OTP`?"),
        (
            "\n{{ if false }}{{ .OPT }}{{ end }}",
            "line 2: there is no field `.OPT` here, did you mean `.OTP`?",
        ),
        (
            "{{ if .OTP }}{{ else }}{{ upper .Too }}{{ end }}",
            "line 1: there is no field `.Too` here, did you mean `.To`?",
        ),
        (
            "{{ with .To }}{{ . }}{{ $.OPT }}{{ end }}",
            "line 1: there is no field `.OPT` here, did you mean `.OTP`?",
        ),
        ("{{ with .To }}{{ .OTP }}{{ end }}", "line 1: there is no field `.OTP` here"),
        ("{{ .OTPTTL.Minute }}", "line 1: there is no field `.Minute` here, did you mean `.Minutes`?"),
        (
            "{{ if false }}{{ .OTPTTL.Minute }}{{ end }}",
            "line 1: there is no field `.Minute` here, did you mean `.Minutes`?",
        ),
        ("{{ range .Items }}{{ .Name }}{{ end }}", "good"),
        (
            "{{ range .Items }}{{ .Nam }}{{ end }}",
            "line 1: there is no field `.Nam` here, did you mean `.Name`?",
        ),
        ("{{ range .None }}{{ .Anything }}{{ end }}", "good"),
        (
            "{{ range .None }}{{ else }}{{ .OPT }}{{ end }}",
            "line 1: there is no field `.OPT` here, did you mean `.OTP`?",
        ),
        ("{{ range $i, $x := .Items }}{{ $x.Anything }}{{ end }}", "good"),
        ("{{ (.OPT) }}{{ print (len .OTP) }}", "line 1: there is no field `.OPT` here, did you mean `.OTP`?"),
        ("{{ $x := .OTPTTL }}{{ $x.Minutes }}", "good"),
        (
            "{{ $x := .OTPTTL }}{{ $x.Minutez }}",
            "line 1: there is no field `.Minutez` here, did you mean `.Minutes`?",
        ),
        ("{{ (dict \"a\" 1).a }}", "good"),
        ("{{ define \"t\" }}{{ .OPT }}{{ end }}", "good"),
        (
            "{{ define \"t\" }}{{ .OPT }}{{ end }}{{ if false }}{{ template \"t\" . }}{{ end }}",
            "line 1: there is no field `.OPT` here, did you mean `.OTP`?",
        ),
        ("{{ define \"t\" }}{{ .Name }}{{ end }}{{ range .Items }}{{ template \"t\" . }}{{ end }}", "good"),
        (
            "{{ define \"t\" }}{{ if . }}{{ template \"t\" .OTP }}{{ end }}{{ end }}{{ if false }}{{ template \"t\" . }}{{ end }}",
            "line 1: there is no field `.OTP` here",
        ),
        ("{{ index .OTP 77 }}", "line 1: `index` points behind the end"),
        (
            "{{ lt .OTPTTL.Minutes 10 }}",
            "line 1: a fraction and a whole number don't compare: write `5.0`, or use `int` or `float64`",
        ),
    ] {
        assert_eq!(checked(source), said, "{source:?}");
    }
}

#[test]
fn a_template_says_which_fields_it_could_use() {
    let uses = |source: &str| Template::parse(source, Escaping::None).unwrap().uses("OTPURL");
    for source in [
        "{{ .OTPURL }}",
        "{{ if false }}{{ upper $.OTPURL }}{{ end }}",
        "{{ . }}",
        "{{ range $x := . }}{{ end }}",
        "{{ index $ \"OTPURL\" }}",
        "{{ define \"t\" }}{{ .OTPURL }}{{ end }}{{ template \"t\" . }}",
        "{{ (print .).OTPURL }}",
        "{{ with $x := . }}{{ $x.OTPURL }}{{ end }}",
    ] {
        assert!(uses(source), "{source:?}");
    }
    for source in [
        "{{ .OTP }}",
        "OTPURL",
        "{{ \"OTPURL\" }}",
        "{{ define \"t\" }}{{ .OTP }}{{ end }}{{ template \"t\" . }}",
    ] {
        assert!(!uses(source), "{source:?}");
    }
}
