//! Properties by the names of Java's client, as Spring has them, in librdkafka's words.

use crate::settings::Secret;

/// What a property means for librdkafka.
pub(super) enum Meaning {
    /// What librdkafka makes of it.
    AsItIs,
    /// These instead.
    Set(Vec<(&'static str, Secret)>),
    /// Nothing: it is about how Java's client works inside.
    None,
    /// It can't be used as it is. To be read after «which».
    Unusable(&'static str),
}

/// Properties of Java's producer without a counterpart that matters here.
const WITHOUT_MEANING: [&str; 17] = [
    "auto.include.jmx.reporter",
    "buffer.memory",
    "enable.metrics.push",
    "interceptor.classes",
    "key.serializer",
    "max.block.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partitioner.class",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "spring.json.add.type.headers",
    "ssl.protocol",
    "ssl.secure.random.implementation",
    "value.serializer",
];

/// What the property of that name and value means.
pub(super) fn meaning(name: &str, value: &str) -> Meaning {
    let set = |name| Meaning::Set(vec![(name, Secret::from(value))]);
    match name {
        "sasl.jaas.config" => jaas(value),
        "ssl.truststore.location" if is_java_store(value) => Meaning::Unusable(
            "is a Java key store; write its certificates into a file in PEM \
             (`keytool -exportcert -rfc -keystore FILE -alias NAME`) and set `ca_file`",
        ),
        "ssl.truststore.location" => set("ssl.ca.location"),
        "ssl.truststore.certificates" => set("ssl.ca.pem"),
        "ssl.keystore.location" if is_java_store(value) => Meaning::Unusable(
            "is a Java key store; make it PKCS#12 \
             (`keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12`)",
        ),
        "ssl.keystore.certificate.chain" => set("ssl.certificate.pem"),
        "ssl.keystore.key" => set("ssl.key.pem"),
        // Empty is «do not look at the name», as librdkafka says `none`.
        "ssl.endpoint.identification.algorithm" if value.is_empty() => {
            Meaning::Set(vec![("ssl.endpoint.identification.algorithm", "none".into())])
        }
        "ssl.truststore.type" | "ssl.keystore.type" | "ssl.truststore.password" => Meaning::None,
        _ if WITHOUT_MEANING.contains(&name) => Meaning::None,
        _ => Meaning::AsItIs,
    }
}

fn is_java_store(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, kind)| kind.eq_ignore_ascii_case("jks"))
}

/// `CLASS required username="NAME" password="SECRET";`, for the classes that have both.
fn jaas(config: &str) -> Meaning {
    const UNREADABLE: Meaning = Meaning::Unusable(
        "can't be read; set `username` and `password` (PlainLoginModule and ScramLoginModule are understood)",
    );
    let class = config.split_whitespace().next().unwrap_or_default();
    if !matches!(class.rsplit('.').next(), Some("PlainLoginModule" | "ScramLoginModule")) {
        return UNREADABLE;
    }
    match (option(config, "username"), option(config, "password")) {
        (Some(username), Some(password)) => {
            Meaning::Set(vec![("sasl.username", username.into()), ("sasl.password", password.into())])
        }
        _ => UNREADABLE,
    }
}

/// The value of `name=…` in a line of options: bare, or in quotes, where `\` takes the next character as it is.
fn option(config: &str, name: &str) -> Option<String> {
    let mut rest = config;
    loop {
        let at = rest.find(name)?;
        let begins = rest[..at].chars().next_back().is_none_or(|before| before.is_whitespace());
        let after = rest[at + name.len()..].trim_start();
        rest = &rest[at + name.len()..];
        if let Some(value) = after.strip_prefix('=').filter(|_| begins) {
            return value_of(value.trim_start());
        }
    }
}

fn value_of(text: &str) -> Option<String> {
    let mut characters = text.chars();
    let quote = characters.clone().next().filter(|first| matches!(first, '"' | '\''));
    let mut value = String::new();
    if quote.is_some() {
        characters.next();
    }
    while let Some(character) = characters.next() {
        match quote {
            Some(quote) if character == quote => return Some(value),
            Some(_) if character == '\\' => value.push(characters.next()?),
            None if character == ';' || character.is_whitespace() => break,
            _ => value.push(character),
        }
    }
    // Without its closing quote it is not whole.
    (quote.is_none() && !value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `name=value`, or why not.
    fn told(name: &str, value: &str) -> String {
        match meaning(name, value) {
            Meaning::AsItIs => "as it is".to_owned(),
            Meaning::Set(pairs) => {
                let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", value.expose()));
                pairs.collect::<Vec<_>>().join(" ")
            }
            Meaning::None => "nothing".to_owned(),
            Meaning::Unusable(why) => why.split(';').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn java_s_properties_are_understood() {
        for (name, value, expected) in [
            ("linger.ms", "5", "as it is"),
            ("compression.type", "lz4", "as it is"),
            ("buffer.memory", "33554432", "nothing"),
            ("value.serializer", "org.springframework.kafka.support.serializer.JsonSerializer", "nothing"),
            ("ssl.endpoint.identification.algorithm", "", "ssl.endpoint.identification.algorithm=none"),
            ("ssl.endpoint.identification.algorithm", "https", "as it is"),
            ("ssl.truststore.location", "/ca.pem", "ssl.ca.location=/ca.pem"),
            ("ssl.truststore.location", "/trust.JKS", "is a Java key store"),
            ("ssl.truststore.certificates", "-----BEGIN", "ssl.ca.pem=-----BEGIN"),
            ("ssl.keystore.location", "/me.p12", "as it is"),
            ("ssl.keystore.location", "/me.jks", "is a Java key store"),
            ("ssl.keystore.certificate.chain", "-----BEGIN", "ssl.certificate.pem=-----BEGIN"),
            ("ssl.keystore.key", "-----BEGIN", "ssl.key.pem=-----BEGIN"),
        ] {
            assert_eq!(told(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn who_signs_in_is_read_from_a_line_for_java_s_login_modules() {
        const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
        for (options, expected) in [
            (r#"username="me" password="s3cret";"#, "sasl.username=me sasl.password=s3cret"),
            (r#"password = 's3 cret' username = me;"#, "sasl.username=me sasl.password=s3 cret"),
            (
                r#"username="m\"e" password="a\\b; username=";"#,
                "sasl.username=m\"e sasl.password=a\\b; username=",
            ),
            (r#"serviceusername="x" username="me" password="s";"#, "sasl.username=me sasl.password=s"),
            ("username=\"me\";", "can't be read"),
            ("username=\"me password=s;", "can't be read"),
            ("username= password=;", "can't be read"),
        ] {
            assert_eq!(told("sasl.jaas.config", &format!("{PLAIN} {options}")), expected, "{options}");
        }
        assert_eq!(told("sasl.jaas.config", ""), "can't be read");
        let other = "org.example.OtherLoginModule required username=\"me\" password=\"s\";";
        assert_eq!(told("sasl.jaas.config", other), "can't be read");
    }
}
