//! What messages say: by what is asked for, in the words of egov-localization or the built-in ones (wire contract of egov, step 4).

use watchword_core::passcode::Passcode;

/// What an OTP is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Login,
    PasswordReset,
}

impl Purpose {
    /// By its name on the wire, in any case. `None`: there is no such purpose.
    pub(super) fn find(name: &str) -> Option<Self> {
        [("register", Self::Register), ("login", Self::Login), ("passwordreset", Self::PasswordReset)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, purpose)| purpose)
    }

    /// The SMS.
    pub(super) const fn sms(self) -> Text {
        match self {
            Self::Register => Text::RegisterSms,
            Self::Login => Text::LoginSms,
            Self::PasswordReset => Text::PasswordResetSms,
        }
    }

    /// The subject and the body of the mail, where there is one.
    pub(super) const fn mail(self) -> Option<(Text, Text)> {
        match self {
            Self::Register => None,
            Self::Login => Some((Text::LoginSubject, Text::LoginBody)),
            Self::PasswordReset => Some((Text::PasswordResetSubject, Text::PasswordResetBody)),
        }
    }
}

/// A text that egov-localization may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    RegisterSms,
    LoginSms,
    PasswordResetSms,
    LoginSubject,
    LoginBody,
    PasswordResetSubject,
    PasswordResetBody,
}

/// What stands for the passcode.
const PLACE: &str = "%s";

impl Text {
    pub(super) const ALL: [Self; 7] = [
        Self::RegisterSms,
        Self::LoginSms,
        Self::PasswordResetSms,
        Self::LoginSubject,
        Self::LoginBody,
        Self::PasswordResetSubject,
        Self::PasswordResetBody,
    ];

    /// Its code in egov-localization.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::RegisterSms => "sms.register.otp.msg",
            Self::LoginSms => "sms.login.otp.msg",
            Self::PasswordResetSms => "sms.pwd.reset.otp.msg",
            Self::LoginSubject => "email.login.otp.sub",
            Self::LoginBody => "email.login.otp.body",
            Self::PasswordResetSubject => "email.pwd.reset.otp.sub",
            Self::PasswordResetBody => "email.pwd.reset.otp.body",
        }
    }

    const fn built_in(self) -> &'static str {
        match self {
            Self::RegisterSms => "Dear Citizen, Your OTP to complete your DIGIT Registration is %s.",
            Self::LoginSms | Self::LoginBody => "Dear Citizen, Your Login OTP is %s.",
            Self::PasswordResetSms => "Dear Citizen, Your OTP for recovering password is %s.",
            Self::LoginSubject => "Login OTP",
            Self::PasswordResetSubject => "Password Reset",
            Self::PasswordResetBody => "Your OTP for recovering password is %s.",
        }
    }

    /// With the passcode in its first place. Without a place, the built-in text: a message that lacks its code helps nobody.
    pub(super) fn with(self, texts: &Texts, passcode: &Passcode) -> String {
        let code = passcode.expose();
        let filled = |text: &str| {
            let (before, after) = text.split_once(PLACE)?;
            let mut filled = String::with_capacity(text.len() + code.len());
            filled.extend([before, code, after]);
            Some(filled)
        };
        texts.get(self).and_then(filled).or_else(|| filled(self.built_in())).unwrap_or_default()
    }

    /// As one line without a passcode, for a mail's subject.
    pub(super) fn line(self, texts: &Texts) -> String {
        let line = |text: &str| text.replace(char::is_control, " ").trim().to_owned();
        texts
            .get(self)
            .map(line)
            .filter(|line| !line.is_empty())
            .unwrap_or_else(|| self.built_in().to_owned())
    }
}

/// The texts of a tenant in a locale, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts([Option<Box<str>>; Text::ALL.len()]);

impl Texts {
    pub(super) fn set(&mut self, text: Text, words: &str) {
        self.0[text as usize] = Some(words.into());
    }

    fn get(&self, text: Text) -> Option<&str> {
        self.0[text as usize].as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_filled_and_every_other_percent_sign_stays() {
        let passcode = Passcode::new("123456").unwrap();
        for (words, says) in [
            ("नमस्ते, आपका OTP %s है", "नमस्ते, आपका OTP 123456 है"),
            ("100% %s %s %d %%", "100% 123456 %s %d %%"),
            ("%%s", "%123456"),
            ("no place", "Dear Citizen, Your Login OTP is 123456."),
            ("", "Dear Citizen, Your Login OTP is 123456."),
        ] {
            let mut texts = Texts::default();
            texts.set(Text::LoginSms, words);
            assert_eq!(Text::LoginSms.with(&texts, &passcode), says);
        }
    }

    #[test]
    fn a_subject_is_one_line() {
        let mut texts = Texts::default();
        assert_eq!(Text::LoginSubject.line(&texts), "Login OTP");
        texts.set(Text::LoginSubject, "OTP 100%s\r\nBcc: a@b.c");
        assert_eq!(Text::LoginSubject.line(&texts), "OTP 100%s  Bcc: a@b.c");
        texts.set(Text::LoginSubject, " \n");
        assert_eq!(Text::LoginSubject.line(&texts), "Login OTP");
    }
}
