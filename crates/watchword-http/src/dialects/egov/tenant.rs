//! Tenants: names whose parts stand between dots, from the state on (wire contract of egov).

/// The part that passcodes are kept by: the first one.
pub(super) fn first_part(tenant: &str) -> &str {
    leading_parts(tenant, 1)
}

/// The first `count` parts, at least one.
pub(super) fn leading_parts(tenant: &str, count: usize) -> &str {
    let end = tenant.match_indices('.').nth(count.max(1) - 1).map_or(tenant.len(), |(at, _)| at);
    &tenant[..end]
}

/// Without its last `count` parts; the first one always stays.
pub(super) fn without_last_parts(tenant: &str, count: usize) -> &str {
    let parts = tenant.split('.').count();
    leading_parts(tenant, parts.saturating_sub(count))
}

/// Whether every part is a name that a database may have as a schema: letters, digits and `_`, 63 at most, no digit first.
pub(super) fn is_well_formed(tenant: &str) -> bool {
    tenant.split('.').all(|part| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=63).contains(&part.len())
            && part.bytes().all(is_name)
            && !part.starts_with(|first: char| first.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_from_either_end() {
        assert_eq!((first_part("pb.amritsar.x"), first_part("pb"), first_part(".a")), ("pb", "pb", ""));
        for (count, leading, rest) in
            [(0, "a", "a.b.c"), (1, "a", "a.b"), (2, "a.b", "a"), (3, "a.b.c", "a"), (9, "a.b.c", "a")]
        {
            assert_eq!((leading_parts("a.b.c", count), without_last_parts("a.b.c", count)), (leading, rest));
        }
        assert_eq!(without_last_parts("pb", 1), "pb");
    }

    #[test]
    fn a_tenant_is_made_of_names() {
        let longest = "x".repeat(63);
        for good in ["pb", "pb.amritsar", "_a.B9", &longest] {
            assert!(is_well_formed(good), "{good}");
        }
        let too_long = "x".repeat(64);
        for bad in
            ["", ".", "pb.", ".pb", "pb..a", "9pb", "pb-x", "pb amritsar", "ਪੰ", "pb.é", "pb\n", &too_long]
        {
            assert!(!is_well_formed(bad), "{bad:?}");
        }
    }
}
