-- Takes what is due: transition::claim, for those due longest. Members of one score are in the order of their ids.

local claimant, max = take_claimant(), take()

local claims = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due_key(), '-inf', now, 'LIMIT', 0, max)) do
    local delivery = load_delivery(id)
    if not delivery then
        redis.call('ZREM', due_key(), id)
    elseif now >= delivery.expires_at then
        end_delivery(delivery, EXPIRED)
    else
        local one = load(delivery.vid)
        if one then
            delivery.state, delivery.due_at, delivery.fence = CLAIMED, claimant.lease_until, delivery.fence + 1
            delivery.claimed_by = claimant.node
            claims[#claims + 1] = { write_open(delivery), verification_reply(one) }
        else
            -- What ends a verification ends its deliveries too; a record restored by hand may lack it all the same.
            end_delivery(delivery, DELIVERY_CANCELED)
        end
    end
end
return { claims, redis.call('ZRANGE', due_key(), 0, 0, 'WITHSCORES')[2] or false }
