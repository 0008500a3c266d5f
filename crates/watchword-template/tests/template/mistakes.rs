//! A mistake is found when the template is read, with its line and what to do.

use watchword_template::{Escaping, Template};

fn problem(source: &str, escaping: Escaping) -> String {
    match Template::parse(source, escaping) {
        Ok(_) => format!("{source:?} was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_mistake_has_its_line_and_its_words() {
    for (source, said) in [
        ("a\n\n{{ uper .A }}", "line 3: there is no function `uper`, did you mean `upper`?"),
        ("{{ getHostByName \"a\" }}", "line 1: there is no function `getHostByName`"),
        ("{{ call .A }}", "line 1: `call` is not there: no value of a message is a function"),
        ("{{ .A | replace \"a\" }}", "line 1: `replace` takes 3 values, not 2"),
        ("{{ if\n not }}x{{ end }}", "line 2: `not` takes 1 value, not 0"),
        ("{{ print upper }}", "line 1: `upper` takes 1 value, not 0"),
        ("{{ eq 1 }}", "line 1: `eq` takes at least 2 values, not 1"),
        (
            "{{ $code := 1 }}\n{{ $cod }}",
            "line 2: the variable `$cod` is not defined here, did you mean `$code`?",
        ),
        ("{{ $x = 1 }}", "line 1: the variable `$x` is not defined here, did you mean `$`?"),
        (
            "{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}",
            "line 1: the variable `$x` is not defined here, did you mean `$`?",
        ),
        (
            "{{ define \"foot\" }}x{{ end }}\n{{ template \"food\" }}",
            "line 2: there is no template \"food\", did you mean `foot`?",
        ),
        ("\n{{ if .A }}x", "line 2: this action is not closed: `{{end}}` is missing"),
        ("x\n{{ end }}", "line 2: `else` or `end` without an action that it belongs to"),
        ("{{ if .A }}{{ else }}{{ else }}{{ end }}", "line 1: this action has a second `else`"),
        ("{{ .A", "line 1: an action is not closed: `}}` is missing"),
        ("{{ \"abc }}", "line 1: a text in quotes is not closed: \" is missing in this line"),
        ("{{ `abc }}", "line 1: a text in back quotes is not closed: ` is missing"),
        ("{{ /* }}", "line 1: '/' means nothing inside `{{ }}`"),
        ("{{/* }}", "line 1: a comment is not closed: `*/}}` is missing"),
        ("{{/* */ .A }}", "line 1: a comment must fill its action: after `*/` comes `}}` or ` -}}`"),
        ("{{ .A$ }}", "line 1: `.A` is followed by '$': put a space between them"),
        ("{{ upper(.A) }}", "line 1: `(` is not expected in a command: put a space before it"),
        ("{{ 1+2 }}", "line 1: `1+` is not a number: there is no arithmetic, use `add`"),
        ("{{ 3i }}", "line 1: `3i` is imaginary: there are no complex numbers here"),
        ("{{ 99999999999999999999 }}", "line 1: `99999999999999999999` is not a number"),
        ("{{ \"\\q\" }}", "line 1: \"\\q\" has an escape sequence that is not known"),
        ("{{ }}", "line 1: a value is missing"),
        ("{{ nil }}", "line 1: `nil` is not a command"),
        ("{{ \"a\" 1 }}", "line 1: `\"a\"` is no function and takes no value"),
        ("{{ .A | \"a\" }}", "line 1: `\"a\"` is no function and takes no value"),
        ("{{ true.A }}", "line 1: `true` has no fields"),
        ("{{ break }}", "line 1: `break` outside `range`"),
        (
            "{{ if .A }}{{ define \"x\" }}{{ end }}{{ end }}",
            "line 1: `define` may not stand inside another action",
        ),
        ("{{ range $a, $b, $c := .A }}{{ end }}", "line 1: two variables are set only by `range`"),
        ("{{ (.A }}", "line 1: `}}` comes too early in a pipeline"),
        ("{{ template .A }}", "line 1: here goes the name of a template, in quotes"),
    ] {
        assert_eq!(problem(source, Escaping::None), said, "{source:?}");
    }
}

#[test]
fn html_that_cannot_be_followed_is_refused() {
    for (source, said) in [
        ("<p>\n<a href=\"{{ .A }}", "line 1: the template ends inside a link: something is not closed"),
        (
            "\n{{ if .A }}<b title=\"{{ end }}",
            "line 2: the branches of this action end in an attribute and in text: let both end alike",
        ),
        (
            "<a href=\"{{ if .A }}/?{{ else }}/{{ end }}\n{{ .B }}\">",
            "line 2: branches before it leave open whether this value stands before or behind the `?` of a link",
        ),
        ("<p a\"b>", "line 1: `\"` may not stand in the name of an attribute"),
        ("<p a=b'c>", "line 1: `'` in an attribute without quotes: put quotes around the value"),
        (
            "<script>\nvar x = `a`</script>",
            "line 1: a script has a text in back quotes, which can't be escaped here: use other quotes",
        ),
        ("<img srcset=\"{{ .A }}\">", "line 1: a value can't stand in `srcset`: use `src`"),
        (
            "<script>x = /[{{ .A }}]/</script>",
            "line 1: a value stands inside `[ ]` of a script's pattern, or the `]` is missing",
        ),
        (
            "{{ define \"t\" }}{{ template \"t\" }}<b {{ end }}{{ template \"t\" }}",
            "line 1: template \"t\" calls itself, and does not end where it began",
        ),
        (
            "{{ .A | html | print }}",
            "line 1: `html` and `urlquery` may only come last: leave it out, values are escaped anyway",
        ),
        (
            "<p onclick=\"x &eacute; {{ .A }}\">",
            "line 1: a named character reference stands in a script: write the character itself",
        ),
    ] {
        assert_eq!(problem(source, Escaping::Html), said, "{source:?}");
    }
}
