//! Every kind of page with every kind of content: what templates are tried with before they are used.

use super::page::{AddressPage, CodePage, InputKind, Message, MessagePage, Notice, Page, Place};

const CODE: CodePage<'static> = CodePage {
    channel: "E-mail",
    description: "",
    to: "j…@e….com",
    code: "",
    numeric: true,
    max_length: 6,
    attempts: 1,
    max_attempts: 5,
    seconds_left: 300,
    resend_in: Some(0),
    notice: None,
};

const ADDRESS: AddressPage<'static> = AddressPage {
    channel: "SMS",
    address_name: "Mobile number",
    description: "",
    to: "",
    kind: InputKind::Telephone,
    max_length: Some(10),
    seconds_left: 300,
    notice: None,
};

/// Each with the place where it stands.
pub(super) fn samples() -> Vec<(Page<'static>, Place<'static>)> {
    let mut pages = vec![
        Page::Code(CODE),
        Page::Code(CodePage { code: "123456", numeric: false, resend_in: Some(30), ..CODE }),
        Page::Code(CodePage { description: "Look into your inbox.", to: "", resend_in: None, ..CODE }),
        Page::Address(ADDRESS),
        Page::Address(AddressPage {
            description: "Where do you live?",
            to: "x",
            kind: InputKind::Email,
            max_length: None,
            notice: Some(Notice::InvalidAddress),
            ..ADDRESS
        }),
        Page::Address(AddressPage { kind: InputKind::Text, ..ADDRESS }),
    ];
    let notices = [
        Notice::Incorrect,
        Notice::Empty,
        Notice::Resent,
        Notice::TooSoon { seconds: 7 },
        Notice::NotSent,
        Notice::InvalidAddress,
    ];
    pages.extend(notices.map(|notice| Page::Code(CodePage { notice: Some(notice), ..CODE })));
    let messages = [
        Message::Expired,
        Message::Locked { seconds: 7 },
        Message::ProviderGone,
        Message::Verified { channel: "SMS" },
        Message::Foreign,
        Message::PageLimit { seconds: 7 },
        Message::Unreachable,
        Message::InDoubt,
        Message::NotFound,
        Message::MethodNotAllowed,
        Message::BadRequest,
    ];
    pages.extend(messages.map(|message| Page::Message(MessagePage { message, notice: None })));
    let resent = Some(Notice::Resent);
    pages.push(Page::Message(MessagePage { message: Message::Verified { channel: "SMS" }, notice: resent }));
    let place =
        Place { base: "", popup: false, namespace: "app", id: "johns-id", page_path: "/otp/app/johns-id" };
    let framed =
        Place { base: "/verify", popup: true, page_path: "/verify/otp/app/johns-id?view=popup", ..place };
    pages.into_iter().flat_map(|page| [(page, place), (page, framed), (page, Place::default())]).collect()
}
