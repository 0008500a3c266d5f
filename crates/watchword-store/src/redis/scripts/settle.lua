-- Records what became of claimed deliveries: transition::settle. One answer each, in order.

local RETRY = DUE

local settlements = take_list(function()
    return {
        namespace = take(), id = take(), fence = take(), verdict = take(), at = take(),
        attempts = take_list(function()
            return { told = take(), provider = take(), message_id = take() }
        end),
    }
end)

local function settle(settlement)
    local delivery = delivery_of(settlement.namespace, settlement.id)
    if not delivery or delivery.fence ~= settlement.fence then return 0 end
    -- What was canceled while the provider already had it is recorded as accepted all the same: it is what happened.
    local went_out = settlement.verdict == ACCEPTED and delivery.state == DELIVERY_CANCELED
    if delivery.state ~= CLAIMED and not went_out then return 0 end
    for _, attempt in ipairs(settlement.attempts) do
        delivery.attempts[#delivery.attempts + 1] = attempt.told
        if #delivery.attempts > KEPT_ATTEMPTS then table.remove(delivery.attempts, 1) end
    end
    if settlement.verdict == RETRY and settlement.at < delivery.expires_at then
        delivery.state, delivery.due_at = DUE, settlement.at
        write_open(delivery)
        return 1
    end
    end_delivery(delivery, settlement.verdict == RETRY and EXPIRED or settlement.verdict)
    if records_kept > 0 then
        for _, attempt in ipairs(settlement.attempts) do
            if attempt.message_id then
                local key = message_key(attempt.provider, attempt.message_id)
                redis.call('SET', key, delivery.id, 'PX', ttl_until(after(now, records_kept)))
            end
        end
    end
    return 1
end

local answers = {}
for place, settlement in ipairs(settlements) do answers[place] = settle(settlement) end
return answers
