//! egov-user: who has a mobile number (wire contract of egov, step 2).

use std::time::Duration;

use serde_json::value::RawValue;

use super::service::{Failure, Question, Service, json};
use super::{Passed, Unavailable};
use crate::dialects::egov::fields::{WrongType, items, members, text};
use crate::dialects::egov::tenant::first_part;
use crate::dialects::egov::wire::UserSearch;

/// The most bytes of an answer. Users have photos and addresses, but one number has few users.
const MOST_BYTES: usize = 256 * 1_024;
/// Those who are searched for by the tenant as given; all others belong to a whole state.
const EMPLOYEE: &str = "EMPLOYEE";

/// egov-user.
pub(in crate::dialects::egov) struct Users {
    service: Service,
    limit: Duration,
}

/// Whom to look for.
pub(in crate::dialects::egov) struct UserQuery<'a> {
    pub(in crate::dialects::egov) user_type: Option<&'a str>,
    pub(in crate::dialects::egov) number: &'a str,
}

/// Who was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::dialects::egov) struct User {
    pub(in crate::dialects::egov) email: Option<String>,
    pub(in crate::dialects::egov) number: Option<String>,
}

impl Users {
    pub(super) const fn new(service: Service, limit: Duration) -> Self {
        Self { service, limit }
    }

    /// The first of those who have the number. `None`: nobody has it.
    ///
    /// # Errors
    /// No answer, or one that can't be read: that is not the same as nobody.
    pub(in crate::dialects::egov) async fn find(
        &self,
        query: &UserQuery<'_>,
        passed: &Passed<'_>,
    ) -> Result<Option<User>, Unavailable> {
        let tenant_id = match query.user_type {
            Some(EMPLOYEE) => passed.tenant,
            _ => first_part(passed.tenant),
        };
        let search =
            UserSearch { user_name: (), tenant_id, user_type: query.user_type, mobile_number: query.number };
        let question = Question {
            url: self.service.url().clone(),
            tenant: tenant_id,
            correlation: passed.correlation,
            body: json(&search),
        };
        let answer = self.service.ask(question, self.limit, MOST_BYTES).await;
        answer.and_then(|body| self.first(&body)).map_err(|_| Unavailable::Users)
    }

    fn first(&self, body: &[u8]) -> Result<Option<User>, Failure> {
        let body: &RawValue = serde_json::from_slice(body).map_err(|_| self.service.garbage())?;
        first_user(body).map_err(|WrongType| self.service.garbage())
    }
}

fn first_user(body: &RawValue) -> Result<Option<User>, WrongType> {
    let [users] = members(body, &["user"])?.ok_or(WrongType)?;
    let users = items(users.ok_or(WrongType)?)?.ok_or(WrongType)?;
    let Some(first) = users.first() else { return Ok(None) };
    let [email, number] = members(first, &["emailId", "mobileNumber"])?.ok_or(WrongType)?;
    let owned = |value| Ok(text(value)?.map(std::borrow::Cow::into_owned));
    Ok(Some(User { email: owned(email)?, number: owned(number)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_from_no_answer() {
        let read = |body: &str| first_user(serde_json::from_str(body).unwrap());
        let user = |email: Option<&str>, number: Option<&str>| {
            Ok(Some(User { email: email.map(str::to_owned), number: number.map(str::to_owned) }))
        };
        assert_eq!(read(r#"{"responseInfo":{},"user":[]}"#), Ok(None));
        assert_eq!(
            read(r#"{"user":[{"id":1,"emailId":"a@b.c","mobileNumber":9876543210},{"id":2}]}"#),
            user(Some("a@b.c"), Some("9876543210"))
        );
        assert_eq!(read(r#"{"User":[{"EmailID":"","mobileNumber":null}]}"#), user(None, None));
        for garbage in [
            "null",
            "[]",
            "{}",
            r#"{"user":null}"#,
            r#"{"user":{}}"#,
            r#"{"user":[null]}"#,
            r#"{"user":[7]}"#,
            r#"{"user":[{"emailId":{}}]}"#,
        ] {
            assert_eq!(read(garbage), Err(WrongType), "{garbage}");
        }
    }
}
