//! Nothing that a template does goes on without end.

use watchword_template::{Escaping, MAX_OUTPUT, MAX_SOURCE, Template, Value};

use crate::{html, nothing, text};

#[test]
fn what_has_no_end_is_stopped() {
    let steps =
        "it does not end within 100000 steps: is there an endless `range`, or a template that calls itself?";
    for (source, said) in [
        ("{{ range 9000000000 }}{{ end }}", format!("line 1: {steps}")),
        ("\n{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", format!("line 2: {steps}")),
        ("{{ range until 5000 }}{{ range until 5000 }}{{ end }}{{ end }}", format!("line 1: {steps}")),
        (
            "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
            "line 1: it goes more than 200 deep: does a template call itself without end?".to_owned(),
        ),
        ("{{ range 50000 }}0123456789{{ end }}", "line 1: it prints more than 256 KiB".to_owned()),
        ("{{ repeat 1000000000 \"x\" }}", "line 1: a function makes a text of more than 256 KiB".to_owned()),
        (
            "{{ $x := \"x\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}",
            "line 1: `print` makes a text of more than 256 KiB".to_owned(),
        ),
        (
            "{{ $x := repeat 1000 \"x\" }}{{ replace \"\" $x $x }}",
            "line 1: a function makes a text of more than 256 KiB".to_owned(),
        ),
        ("{{ indent 1000000 \"x\" }}", "line 1: a function makes a text of more than 256 KiB".to_owned()),
        ("{{ printf \"%999999d\" 1 }}", "line 1: `printf` makes more than 256 KiB".to_owned()),
        ("{{ printf \"%.999999f\" 1.0 }}", "line 1: `printf` writes at most 1000 digits".to_owned()),
        ("{{ until 1000000000 }}", "line 1: a list has more than 10000 places".to_owned()),
        (
            "{{ $x := list }}{{ range 100 }}{{ $x = list $x }}{{ end }}",
            "line 1: lists and maps stand in each other more than 32 deep".to_owned(),
        ),
        (
            "{{ $x := list }}{{ range 20 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
            "line 1: a printed value is longer than 256 KiB".to_owned(),
        ),
    ] {
        assert_eq!(text(source, &nothing()), Err(said), "{source:?}");
    }
}

#[test]
fn a_source_is_bounded_in_size_and_depth() {
    let large = "x".repeat(MAX_SOURCE + 1);
    let parse =
        |source: &str| Template::parse(source, Escaping::None).map(|_| ()).map_err(|error| error.problem);
    assert_eq!(parse(&large), Err("a template has at most 256 KiB".to_owned()));
    let deep = "actions and parentheses stand in each other more than 64 deep".to_owned();
    let nested = |n: usize| format!("{}x{}", "{{ if true }}".repeat(n), "{{ end }}".repeat(n));
    assert_eq!(parse(&nested(60)), Ok(()));
    assert_eq!(parse(&nested(10_000)), Err(deep.clone()));
    assert_eq!(parse(&format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000))), Err(deep.clone()));
    let chain = format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(10_000));
    assert_eq!(parse(&chain), Err(deep));
}

#[test]
fn the_deepest_template_runs_on_a_small_stack() {
    let inner = format!(
        "{}{{{{ template \"t\" }}}}{}",
        "{{ if print (((((((((1))))))))) }}".repeat(50),
        "{{ end }}".repeat(50)
    );
    let source = format!("{{{{ define \"t\" }}}}{inner}{{{{ end }}}}{{{{ template \"t\" }}}}");
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let run = move || (text(&source, &nothing()), html(&source, &nothing()));
    let (text, html) = small.spawn(run).unwrap().join().unwrap();
    assert!(text.unwrap_err().contains("deep") && html.unwrap_err().contains("deep"));
}

#[test]
fn html_that_multiplies_is_stopped() {
    // Each loop ends elsewhere than it began, in a place that still fits: each is followed twice.
    let inner = "{{ .A }}".repeat(5_000);
    let loops = format!("<a href=\"{}{inner}{}\">", "{{ range .A }}".repeat(40), "x?{{ end }}".repeat(40));
    let error = html(&loops, &nothing()).unwrap_err();
    assert_eq!(error, "line 1: loops in loops, or templates in templates, are too many to follow");
    let chain: String = (0..300)
        .map(|i| format!("{{{{ define \"{i}\" }}}}{{{{ template \"{}\" }}}}{{{{ end }}}}", i + 1))
        .collect();
    let error =
        html(&format!("{chain}{{{{ define \"300\" }}}}x{{{{ end }}}}{{{{ template \"0\" }}}}"), &nothing())
            .unwrap_err();
    assert_eq!(error, "line 1: templates are called in more than 100 places of HTML");
}

#[test]
fn what_is_printed_may_be_as_large_as_the_limit() {
    let data = Value::from([("A", "x".repeat(MAX_OUTPUT).into())]);
    assert_eq!(text("{{ .A }}", &data).map(|out| out.len()), Ok(MAX_OUTPUT));
    assert_eq!(text("{{ .A }}y", &data), Err("line 1: it prints more than 256 KiB".to_owned()));
    let quotes = Value::from([("A", "\"".repeat(MAX_OUTPUT).into())]);
    assert_eq!(html("{{ .A }}", &quotes), Err("line 1: it prints more than 256 KiB".to_owned()));
}
