//! A value may be a passcode: no error, no Debug output shows it.

use std::time::Duration;

use watchword_template::{Escaping, Template, Value};

const SECRET: &str = "8675309";

#[test]
fn no_error_shows_a_value() {
    let data = Value::from([
        ("OTP", SECRET.into()),
        ("Number", Value::Int(8_675_309)),
        ("Fraction", Value::Float(8_675_309.5)),
        ("List", Value::List(vec![SECRET.into()])),
        ("Map", Value::from([(SECRET, SECRET.into())])),
        ("Length", Duration::from_secs(8_675_309).into()),
        ("Long", SECRET.repeat(40_000).into()),
    ]);
    let mut failed = 0;
    for field in ["OTP", "Number", "Fraction", "List", "Map", "Length", "Long"] {
        for source in [
            "{{ .X.Field }}",
            "{{ .X 1 }}",
            "{{ .X | .X }}",
            "{{ range $a, $b := .X }}{{ fail }}{{ end }}",
            "{{ range .X }}{{ . }}{{ end }}{{ index .X 99 }}",
            "{{ index .X .X }}",
            "{{ index .List .X }}",
            "{{ slice .X 1 99 }}",
            "{{ slice .List .X }}",
            "{{ eq .X true }}",
            "{{ lt .X .Map }}",
            "{{ eq .X .List }}",
            "{{ len .X }}{{ len 1 }}",
            "{{ upper .X }}{{ div 1 0 }}",
            "{{ printf .X }}{{ printf \"%T\" .X }}",
            "{{ printf \"%#v\" .X }}",
            "{{ trunc .X \"a\" }}",
            "{{ trunc 1 .X }}{{ atoi .X }}{{ repeat (atoi .X) .X }}",
            "{{ join .X .X }}",
            "{{ first .X }}{{ first 1 }}",
            "{{ get .X .X }}",
            "{{ substr 5 2 .X }}",
            "{{ b64dec .X }}",
            "{{ ternary 1 2 .X }}",
            "{{ dateModify .X .X }}",
            "{{ now.Add .X }}",
            "{{ now.Format .X }}{{ .X.Round .X }}",
            "{{ repeat 99 .X }}{{ repeat 9999999 .X }}",
            "{{ replace \"\" .X .X }}{{ div 1 0 }}",
            "{{ $x := .X }}{{ range 100 }}{{ $x = list $x }}{{ end }}",
            "{{ $x := .X }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        ] {
            let source = source.replace(".X", &format!(".{field}"));
            for escaping in [Escaping::None, Escaping::Html] {
                let Ok(template) = Template::parse(&source, escaping) else { continue };
                let Err(error) = template.render(&data, 0) else { continue };
                let shown = format!("{error} {error:?} {:?}", template.check(&data));
                assert!(!shown.contains("867") && !shown.contains("5309"), "{source}: {shown}");
                failed += 1;
            }
        }
    }
    assert!(failed > 200, "only {failed} templates failed");
}

#[test]
fn no_debug_output_shows_a_value() {
    let data =
        Value::from([("OTP", SECRET.into()), ("List", Value::List(vec![Value::Int(8_675_309), Value::Nil]))]);
    assert_eq!(format!("{data:?}"), "{\"List\": [Int(…), Nil(…)], \"OTP\": Text(…)}");
    assert_eq!(format!("{:?}", Template::parse(SECRET, Escaping::None).unwrap()), "Template(…)");
}
