//! The properties of DIGIT's user-otp and egov-otp, read in place of ours.

#[cfg(feature = "kafka")]
use std::time::Duration;

#[cfg(feature = "kafka")]
use watchword_delivery::kafka::{KafkaSettings, SecurityProtocol, Sends};
#[cfg(feature = "kafka")]
use watchword_store::PostgresUrl;

use super::*;

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0000000000000000000000000000000000000000000000000000000000000000");

const STORE: (&str, &str) = ("WATCHWORD_STORE", "sqlite:/tmp/x.db");

/// Reads these files, of the folder that they are put into.
fn read(files: &[&str], environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().enumerate().map(|(index, text)| {
        let path = folder.path().join(format!("{index}.properties"));
        std::fs::write(&path, text).unwrap();
        path
    });
    let sources = Sources {
        original: Some(Original::Egov),
        files: paths.collect(),
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Sources::default()
    };
    let shown = format!("{}/", folder.path().display());
    let mut config = load(sources, &registry()).map_err(|error| {
        error.problems().iter().map(|problem| problem.to_string().replace(&shown, "")).collect::<Vec<_>>()
    })?;
    config.warnings.iter_mut().for_each(|warning| *warning = warning.replace(&shown, ""));
    Ok(config)
}

#[cfg(feature = "kafka")]
fn kafka(config: &Config, name: &str) -> KafkaSettings {
    match &config.providers[&ProviderId::new(name).unwrap()].settings {
        ProviderSettings::Kafka(kafka) => kafka.clone(),
        other => panic!("{other:?}"),
    }
}

/// What a build without Kafka refuses, whatever else is set.
const WITHOUT_KAFKA: (&str, &str) = ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "");

#[test]
#[cfg(feature = "kafka")]
fn the_store_alone_is_enough_and_all_else_is_as_there() {
    let config = read(&[], &[STORE]).unwrap();
    assert_eq!(config.server.dialect, Dialect::Egov);
    assert!(config.server.listen.0.ip().is_unspecified());
    assert_eq!(config.server.listen.0.port(), 8090);
    assert_eq!((config.egov.digits, config.egov.lifetime), (6, Duration::from_secs(900)));
    assert!(config.egov.user_url.is_none() && config.egov.mdms.url.is_none());
    for (name, sends, topic) in [
        ("sms", Sends::Sms, "egov.core.notification.sms.otp"),
        ("email", Sends::Email, "egov.core.notification.email"),
    ] {
        let kafka = kafka(&config, name);
        assert_eq!(
            (kafka.brokers.as_str(), kafka.topic.as_str(), kafka.sends),
            ("localhost:9092", topic, sends)
        );
        assert_eq!((kafka.expiry, kafka.tenant_prefix_part), (Some(Duration::from_secs(3)), None));
        assert_eq!(kafka.security_protocol, SecurityProtocol::Plaintext);
    }
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
#[cfg(feature = "kafka")]
fn every_property_is_read() {
    let file = "
# the database
spring.datasource.url=jdbc:postgresql://db.internal:5433/otpdb?currentSchema=otp&sslmode=require
spring.datasource.username=egov
spring.datasource.password=p@ss word
server.port=8089
server.servlet.context-path=/otp-of-users/
user.host=http://egov-user:8080/
search.user.url=user/_search
sms.topic=sms
email.topic=mail
expiry.time.for.otp=60000
egov.localisation.host=http://localization:8080
egov.localisation.search.endpoint=/messages/_search
egov.localisation.tenantid.strip.suffix.count=2
egov.localization.default.locale=hi_IN
egov.localization.module=rainmaker
egov.mdms.host=http://mdms:8080
egov.mdms.search.endpoint=/mdms/_search
egov.mdms.module.name=masters
egov.mdms.master.name=Numbers
egov.mobile.validation.default.country.code=+251
egov.mobile.validation.default.regex=^[0-9]{10}$
egov.validation.cache.ttl.seconds=0
is.environment.central.instance=true
state.schema.index.position.tenantid=0
state.level.tenantid.length=2
egov.otp.length=4
egov.otp.ttl=300
management.endpoints.web.base-path=/manage
spring.kafka.bootstrap-servers=one:9092,two:9092
spring.kafka.properties.security.protocol=SASL_SSL
spring.kafka.properties.sasl.mechanism=SCRAM-SHA-512
spring.kafka.properties.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"otp\" password=\"s3cret\";
spring.kafka.producer.properties.linger.ms=5
";
    let config = read(&[file], &[KEY]).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.server.listen.0.port(), 8089);
    let url = "postgres://egov:p%40ss%20word@db.internal:5433/otpdb?schema=otp&sslmode=require";
    assert_eq!(config.store.url, StoreUrl::Postgres(Box::new(PostgresUrl::parse(url).unwrap())));
    let egov = &config.egov;
    assert_eq!(egov.user_otp_path, "/otp-of-users/");
    assert_eq!(egov.management_path, "/manage");
    let shown =
        |url: &Option<value::ServiceUrl>| url.as_ref().map(|url| url.0.to_string()).unwrap_or_default();
    assert_eq!(shown(&egov.user_url), "http://egov-user:8080/user/_search");
    assert_eq!((egov.digits, egov.lifetime), (4, Duration::from_secs(300)));
    assert_eq!(shown(&egov.localization.url), "http://localization:8080/messages/_search");
    assert_eq!(
        (egov.localization.module.as_str(), egov.localization.default_locale.as_str()),
        ("rainmaker", "hi_IN")
    );
    assert_eq!(egov.localization.strip_suffix_count, 2);
    assert_eq!(shown(&egov.mdms.url), "http://mdms:8080/mdms/_search");
    assert_eq!((egov.mdms.module.as_str(), egov.mdms.master.as_str()), ("masters", "Numbers"));
    assert_eq!(
        (egov.mdms.default_country_code.as_str(), egov.mdms.default_pattern.as_str()),
        ("+251", "^[0-9]{10}$")
    );
    assert_eq!((egov.mdms.cache, egov.mdms.state_tenant_parts), (Duration::ZERO, 2));
    for (name, topic) in [("sms", "sms"), ("email", "mail")] {
        let kafka = kafka(&config, name);
        assert_eq!((kafka.brokers.as_str(), kafka.topic.as_str()), ("one:9092,two:9092", topic));
        assert_eq!((kafka.expiry, kafka.tenant_prefix_part), (Some(Duration::from_secs(60)), Some(0)));
        assert_eq!(kafka.security_protocol, SecurityProtocol::SaslSsl);
        assert_eq!(kafka.sasl_mechanism.as_deref(), Some("SCRAM-SHA-512"));
        assert!(kafka.properties.contains_key("sasl.jaas.config"));
        assert_eq!(kafka.properties["linger.ms"].expose(), "5");
    }
}

#[test]
fn with_no_brokers_our_own_providers_send() {
    let told = read(&[], &[STORE, WITHOUT_KAFKA]).unwrap_err();
    let [only] = &told[..] else { panic!("{told:#?}") };
    assert!(only.contains("spring.kafka.bootstrap.servers is set to nothing"), "{only}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watchword.toml");
    std::fs::write(&file, "[providers.sms]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n").unwrap();
    let file = file.to_str().unwrap();
    let config = read(&[], &[STORE, WITHOUT_KAFKA, ("WATCHWORD_CONFIG", file)]).unwrap();
    let names: Vec<_> = config.providers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["sms"]);
}

#[test]
fn the_databases_password_opens_a_data_key_there_with_a_key_and_without() {
    let file = "spring.datasource.url=jdbc:postgresql://db:5432/devdb\nspring.datasource.username=egov\n\
                spring.datasource.password=s3cret\nspring.kafka.bootstrap.servers=\n";
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("watchword.toml");
    std::fs::write(&ours, "[providers.sms]\nkind = \"discard\"\n[providers.email]\nkind = \"discard\"\n")
        .unwrap();
    let ours = ("WATCHWORD_CONFIG", ours.to_str().unwrap());
    for (environment, has_own) in [(&[ours][..], false), (&[ours, KEY], true)] {
        let keys = read(&[file], environment).unwrap().keys;
        assert_eq!(matches!(keys.place, KeyPlace::Environment(_)), has_own, "{keys}");
        assert_eq!(matches!(keys.place, KeyPlace::Store), !has_own, "{keys}");
        assert_eq!(keys.secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["s3cret"]);
    }
}

#[test]
fn what_has_no_meaning_any_more_is_told_in_one_line_and_what_is_unknown_by_itself() {
    let file = "spring.datasource.hikari.maximum-pool-size=10\nspring.flyway.enabled=true\notp.host=http://otp\n\
                egov.otp.encrypt=true\nspring.jpa.open-in-view=false\nname=http://users\nuser.host=${name}\n\
                egov.otp.lenght=5\nspring.kafka.bootstrap.servers=\n";
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("watchword.toml");
    std::fs::write(&ours, "[providers.sms]\nkind = \"discard\"\n[providers.email]\nkind = \"discard\"\n")
        .unwrap();
    let config = read(&[file], &[STORE, ("WATCHWORD_CONFIG", ours.to_str().unwrap())]).unwrap();
    assert_eq!(config.egov.user_url.unwrap().0.as_str(), "http://users/user/_search");
    assert!(
        config.warnings.contains(
            &"0.properties:8: egov.otp.lenght: unknown, and not read; did you mean `egov.otp.length`?"
                .to_owned()
        ),
        "{:#?}",
        config.warnings
    );
    assert!(
        config.warnings.contains(
            &"these have no meaning any more: egov.otp.encrypt, otp.host, spring.datasource.hikari.maximum-pool-size, \
              spring.flyway.enabled, spring.jpa.open-in-view"
                .to_owned()
        ),
        "{:#?}",
        config.warnings
    );
}

#[test]
fn mistakes_are_told_by_the_names_that_they_have_there() {
    let file = "spring.datasource.url=jdbc:mysql://db/otp\nspring.datasource.username=egov\nspring.datasource.password=x\n\
                egov.otp.ttl=soon\nuser.host=egov-user\negov.otp.length=2\nspring.kafka.bootstrap.servers=\n";
    let told = read(&[file], &[KEY, ("SERVER_PORT", "eighty")]).unwrap_err();
    for expected in [
        "0.properties:1: spring.datasource.url: must be a JDBC URL of PostgreSQL, like jdbc:postgresql://localhost:5432/devdb",
        "0.properties:4: egov.otp.ttl: must be a whole number of seconds",
        "SERVER_PORT: must be a port, from 1 to 65535",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected}: {told:#?}");
    }
    assert!(
        told.iter().any(|line| line.starts_with("0.properties:5: user.host: must be a URL")),
        "{told:#?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("0.properties:6: egov.otp.length: must be a whole number from")),
        "{told:#?}"
    );
    let told = read(&[], &[WITHOUT_KAFKA, KEY]).unwrap_err();
    assert!(
        told.iter()
            .any(|line| line.contains("set spring.datasource.url") && line.contains("WATCHWORD_STORE")),
        "{told:#?}"
    );
}
