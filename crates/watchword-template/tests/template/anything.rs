//! Nothing that anybody writes makes it panic, hang or run out of stack; and what is safe HTML stays so.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use watchword_template::{Escaping, MAX_OUTPUT, Template, Value};

/// Pieces that templates are made of, good and bad.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "block",
    "template",
    "break",
    "continue",
    "{{ end }}",
    "{{ else }}",
    "{{ if .A }}",
    "{{ range .L }}",
    "{{ range $i, $x := .M }}",
    "{{ with .A }}",
    "{{ .A }}",
    "{{ . }}",
    "$",
    "$x",
    ":=",
    "=",
    "|",
    "(",
    ")",
    ",",
    ".",
    ".A",
    ".L",
    ".M",
    ".D.Minutes",
    "nil",
    "true",
    "\"a\"",
    "`b`",
    "'c'",
    "\"",
    "`",
    "'",
    "\\",
    "0",
    "-1",
    "0x",
    "1_0",
    "1e9",
    "1.5",
    "99999999999999999999",
    "printf",
    "print",
    "len",
    "index",
    "slice",
    "and",
    "or",
    "eq",
    "lt",
    "upper",
    "trunc",
    "substr",
    "repeat",
    "replace",
    "date",
    "now",
    "list",
    "dict",
    "until",
    "join",
    "html",
    "urlquery",
    "js",
    "%d",
    "%-5.3s",
    "%[2]*d",
    "%!",
    "/*",
    "*/",
    "<p",
    "<a href=\"",
    "<a href=",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<!--",
    "-->",
    "onclick=",
    "style='",
    "title=\"",
    "url(",
    "//",
    "/",
    "[",
    "]",
    "<",
    ">",
    "&#39;",
    "&quot;",
    "ä",
    "\u{2028}",
    "😀",
    "{{ template \"t\" . }}",
    "{{ define \"t\" }}",
    "<title>",
    "<textarea>",
    "<meta content=\"0;url=",
    "\0",
];

fn data() -> Value {
    Value::from([
        ("A", "<a>'\"&ä\u{2028}".into()),
        (
            "L",
            Value::List(vec![
                Value::Int(3),
                Value::Nil,
                "x".into(),
                Value::Float(f64::NAN),
                Value::Float(-1e300),
            ]),
        ),
        ("M", Value::from([("k", Value::Int(i64::MIN)), ("", Value::Bool(true))])),
        ("D", Duration::MAX.into()),
    ])
}

/// Reads and carries out. It may fail, but must come back.
fn survive(source: &str) {
    for escaping in [Escaping::None, Escaping::Html] {
        if let Ok(template) = Template::parse(source, escaping) {
            for now in [0, i64::MAX, i64::MIN, 1_770_091_506_070] {
                if let Ok(out) = template.render(&data(), now) {
                    assert!(out.len() <= MAX_OUTPUT);
                }
            }
            let _ = template.check(&data());
            let _ = template.uses("A");
        }
    }
}

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/against_go/corpus");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let sources = files.flat_map(|text| text.split("\n=== ").skip(1).map(str::to_owned).collect::<Vec<_>>());
    sources.filter_map(|part| Some(part.split_once('\n')?.1.to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_in_any_order(pieces in prop::collection::vec(select(PIECES), 0..40)) {
        survive(&pieces.concat());
        survive(&format!("{{{{ {} }}}}", pieces.join(" ")));
    }

    #[test]
    fn any_text(source in "\\PC*") {
        survive(&source);
        survive(&format!("{{{{ {source} }}}}"));
    }

    #[test]
    fn any_call(name in select(PIECES), given in prop::collection::vec(select(PIECES), 0..4), values in prop::collection::vec(any::<i64>(), 0..3)) {
        let values: Vec<String> = values.iter().map(i64::to_string).collect();
        survive(&format!("{{{{ {name} {} {} }}}}", values.join(" "), given.join(" ")));
    }

    #[test]
    fn damaged_templates(which in any::<Index>(), cuts in prop::collection::vec((any::<Index>(), any::<Index>(), select(PIECES)), 1..4)) {
        let mut source = which.get(&corpus()).clone();
        for (from, length, piece) in cuts {
            let start = source.floor_char_boundary(from.index(source.len() + 1));
            let end = source.floor_char_boundary(start + length.index(9).min(source.len() - start));
            source.replace_range(start..end.max(start), piece);
        }
        survive(&source);
    }

    /// Whatever a value is, it brings no tag, and it does not leave the attribute or the script that it is in.
    #[test]
    fn a_value_stays_where_it_is_put(value in "[<>\"'&=/\\\\a-z;:(){}`+ \\n-]{0,30}") {
        let data = Value::from([("V", value.into())]);
        let page = "<p title=\"{{ .V }}\" class='{{ .V }}' id={{ .V }}>{{ .V }}</p><a href=\"{{ .V }}?{{ .V }}\" onclick=\"f('{{ .V }}')\">\
                    <script>x({{ .V }}, \"{{ .V }}\")</script><b style=\"color: {{ .V }}; font-family: '{{ .V }}'\">";
        let out = Template::parse(page, Escaping::Html).unwrap().render(&data, 0).unwrap();
        prop_assert_eq!(out.matches('<').count(), page.matches('<').count(), "{}", &out);
        prop_assert_eq!(out.matches('>').count(), page.matches('>').count(), "{}", &out);
        prop_assert!(!out.to_lowercase().contains("href=\"javascript:"), "{}", &out);
        let script = &out[out.find("<script>").unwrap()..out.find("</script>").unwrap()];
        let script = script.replace("\\\\", "").replace("\\\"", "");
        prop_assert!(!script.contains('\n') && script.matches('"').count().is_multiple_of(2), "{}", script);
    }
}
