-- The newest sealed passcode that is live for any of these targets.

local namespace = take()
local targets = take_list(take_selector)

local newest
for _, target in ipairs(targets) do
    for _, one in ipairs(selected(namespace, target)) do
        if is_live(one) and one.sealed and (not newest or one.number > newest.number) then newest = one end
    end
end
return newest and { newest.vid, newest.sealed }
