use std::os::unix::fs::PermissionsExt as _;

use watchword_core::ports::Retention;
use watchword_store::Memory;

use super::*;
use crate::random::OsRandom;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn store() -> Memory {
    Memory::new(Retention::default())
}

async fn ids(source: &KeySource, store: &Memory) -> Vec<KeyId> {
    open(source, store, &OsRandom).await.unwrap().ids().collect()
}

#[test]
fn a_key_may_be_written_in_every_usual_way() {
    let expected = MasterKeys::parse(HEX).unwrap();
    for text in [
        HEX.to_uppercase(),
        format!("  {HEX}\r\n"),
        format!("# the key of 2026\n{HEX} # sealed in the safe\n\n"),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned(),
    ] {
        assert_eq!(MasterKeys::parse(&text).unwrap().0, expected.0, "{text:?}");
    }
    // Bytes that the two alphabets write differently.
    let (standard, url_safe) = ("/".repeat(42) + "8=", "_".repeat(42) + "8=");
    assert_eq!(MasterKeys::parse(&standard).unwrap().0[0][..], [255; 32]);
    assert_eq!(MasterKeys::parse(&url_safe).unwrap().0[0][..], [255; 32]);
    let other = HEX.replace("1f", "2f");
    for two in [format!("{HEX},{other}"), format!("{HEX}\n{other}\n")] {
        assert_eq!(MasterKeys::parse(&two).unwrap().0.len(), 2);
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let form = |position| KeyTextError::Form { position };
    let almost = format!("+{}", &HEX[1..]);
    for (text, expected) in [
        ("", KeyTextError::Ring(KeyringError::Empty)),
        ("# nothing\n , ", KeyTextError::Ring(KeyringError::Empty)),
        ("hunter2", form(1)),
        (&HEX[2..], form(1)),
        (&almost, form(1)),
        (&format!("{HEX},hunter2"), form(2)),
    ] {
        let error = MasterKeys::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text:?}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let twice = MasterKeys::parse(&format!("{HEX},{HEX}")).unwrap_err();
    assert!(matches!(twice, KeyTextError::Ring(KeyringError::Repeated(_))));
}

#[tokio::test]
async fn the_first_start_makes_a_key_for_the_owner_only_and_the_next_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.key");
    let (source, store) = (KeySource::from(KeyPlace::File(path.clone())), store());
    let made = ids(&source, &store).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(store.keys().await.unwrap(), made);
    assert_eq!(ids(&source, &store).await, made);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

#[tokio::test]
async fn a_store_that_was_used_never_gets_a_new_key_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.key");
    let (source, store) = (KeySource::from(KeyPlace::File(path.clone())), store());
    let made = ids(&source, &store).await;

    std::fs::remove_file(&path).unwrap();
    let missing = open(&source, &store, &OsRandom).await.unwrap_err();
    assert!(matches!(missing, KeyError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains(&made[0].to_string()), "{missing}");
    assert!(!path.exists());

    let other = KeySource::from(KeyPlace::Environment(MasterKeys::parse(HEX).unwrap()));
    let foreign = open(&other, &store, &OsRandom).await.unwrap_err();
    assert!(foreign.to_string().starts_with("WATCHWORD_KEY has none of the keys"), "{foreign}");
    assert_eq!(store.keys().await.unwrap(), made, "the store is as it was");
}

#[tokio::test]
async fn a_key_is_rotated_by_adding_it_beside_the_old_one() {
    let store = store();
    let keys = |text: &str| KeySource::from(KeyPlace::Environment(MasterKeys::parse(text).unwrap()));
    let other = HEX.replace("1f", "2f");
    let before = ids(&keys(HEX), &store).await;
    let added = ids(&keys(&format!("{HEX},{other}")), &store).await;
    assert_eq!(added[0], before[0]);
    let promoted = ids(&keys(&format!("{other},{HEX}")), &store).await;
    assert_eq!([promoted[1], promoted[0]], added[..]);
    assert_eq!(ids(&keys(&other), &store).await, [promoted[0]]);
}

#[tokio::test]
async fn a_key_file_that_others_can_read_or_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.key");
    let source = KeySource::from(KeyPlace::File(path.clone()));
    std::fs::write(&path, HEX).unwrap();
    for mode in [0o640, 0o604, 0o644, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = open(&source, &store(), &OsRandom).await.unwrap_err().to_string();
        assert!(error.contains(&format!("(mode {mode:04o}): run `chmod 600 ")), "{error}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        ids(&source, &store()).await;
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "hunter2").unwrap();
    let error = open(&source, &store(), &OsRandom).await.unwrap_err().to_string();
    assert!(error.contains("key 1 is not 32 bytes in hex or base64"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let error = open(&KeyPlace::File(folder.path().into()).into(), &store(), &OsRandom).await.unwrap_err();
    assert!(error.to_string().contains("it is not a file"), "{error}");
}
