//! Every call of otpgateway's API, good: whole replies, byte for byte.

use crate::harness::{App, Otp};

#[tokio::test]
async fn a_code_is_sent_and_verified_once() {
    let app = App::new();
    app.put("uniqueID", "").await.expect(200, &Otp::default().started());
    let message = app.smtp.handed().remove(0).message;
    assert_eq!((message.to.as_str(), message.passcode.expose()), ("john@doe.com", "123456"));
    let verified = Otp { attempts: 2, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
    app.check("uniqueID", "123456").await.expect_error(400, "the OTP does not exist");
}
