-- Gives up the live ones of a name: transition::cancel.

local namespace, selector = take(), take_selector()

local newest = false
for _, one in ipairs(selected(namespace, selector)) do
    if is_live(one) then
        one.state = CANCELED
        cancel_deliveries(one)
        write(one)
        newest = newest or verification_reply(one)
    end
end
return newest
