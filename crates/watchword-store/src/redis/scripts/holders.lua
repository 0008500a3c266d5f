-- Who holds a passcode: what is looked up by it. Stands after the verifications.

-- The newest live one of a channel with one of these look-up digests.
local function newest_holder(namespace, channel, digests)
    local newest
    for _, digest in ipairs(digests) do
        for _, vid in ipairs(redis.call('ZREVRANGE', lookup_key(namespace, digest), 0, -1)) do
            local one = load(vid)
            if one and is_live(one) and one.channel == channel and (not newest or one.number > newest.number) then
                newest = one
            end
        end
    end
    return newest
end
