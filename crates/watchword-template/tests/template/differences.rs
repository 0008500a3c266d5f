//! Where this differs from Go on purpose, it does so as documented.

use watchword_template::Value;

use crate::{html, nothing, text};

#[test]
fn differences_are_those_that_are_documented() {
    for (source, said) in [
        // A cut never divides a character.
        (
            "{{ trunc 2 \"aä\" }}|{{ trunc -1 \"aä\" }}|{{ substr 0 2 \"aäb\" }}|{{ substr 2 4 \"aäb\" }}|{{ slice \"aä\" 0 2 }}",
            "a|ä|a|äb|a",
        ),
        ("{{ abbrev 5 \"aäöü\" }}|{{ nospace \"ä b\" }}", "a...|äb"),
        // One kind of whole number.
        ("{{ trunc (add 1 2) \"abcdef\" }} {{ duration 95 }}", "abc 1m35s"),
        // sprig would refuse a text, Go would not.
        ("{{ slice \"abc\" 1 }} {{ slice (list 1 2 3) 1 2 }}", "bc [2]"),
        // What Go 1.19 did not know yet.
        ("{{ range 3 }}{{ . }}{{ end }} {{ with 0 }}a{{ else with 1 }}{{ . }}{{ end }}", "012 1"),
        // The time is UTC, and given.
        (
            "{{ now }} {{ now | date \"2006-01-02 15:04 MST\" }}",
            "1970-01-01 00:00:00 +0000 UTC 1970-01-01 00:00 UTC",
        ),
    ] {
        assert_eq!(text(source, &nothing()).as_deref(), Ok(said), "{source}");
    }
}

#[test]
fn what_is_left_out_says_so() {
    for (source, said) in [
        ("{{ printf \"%T\" 1 }}", "line 1: `printf` has no `%T`"),
        ("{{ printf \"%#v\" 1 }}", "line 1: `printf` has no `%#v`: it shows Go's own syntax"),
        ("{{ printf \"%x\" 1.5 }}", "line 1: `printf` has no `%x` for fractions"),
        ("{{ printf \"%#f\" 1.5 }}", "line 1: `printf` has no `#` for fractions"),
        ("{{ printf \"%d\" now }}", "line 1: `printf` can't print a point in time so: use `date`"),
        ("{{ b64dec \"?\" }}", "line 1: `b64dec` was given what is not base64"),
    ] {
        assert_eq!(text(source, &nothing()), Err(said.to_owned()), "{source}");
    }
}

#[test]
fn a_refresh_is_filtered_as_a_link() {
    let data = Value::from([("A", "javascript:x".into())]);
    let page = "<meta http-equiv=\"refresh\" content=\"0; url={{ .A }}; {{ .A }}\">";
    assert_eq!(
        html(page, &data).as_deref(),
        Ok("<meta http-equiv=\"refresh\" content=\"0; url=#ZgotmplZ; javascript:x\">")
    );
}
