-- The one of that vid, while it is kept.

local one = load(take())
return one and now < garbage_at(one) and verification_reply(one)
