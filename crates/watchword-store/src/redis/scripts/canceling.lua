-- What ends a verification ends its messages. Stands after the outbox.

local function is_due(id) return redis.call('ZSCORE', due_key(), id) end

-- Cancels what is unsent of a verification.
local function cancel_deliveries(one)
    for _, id in ipairs(one.open) do
        local delivery = is_due(id) and load_delivery(id)
        if delivery then end_delivery(delivery, DELIVERY_CANCELED) end
    end
    one.open = {}
end
