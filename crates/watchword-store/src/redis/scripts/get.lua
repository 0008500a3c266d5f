-- The newest live one of a name, or by vid any that is kept.

local namespace, selector = take(), take_selector()

if selector.kind ~= 'v' then
    local one = newest_live(namespace, selector)
    return one and verification_reply(one)
end
local one = load(selector.vid)
return one and one.namespace == namespace and now < garbage_at(one) and verification_reply(one)
