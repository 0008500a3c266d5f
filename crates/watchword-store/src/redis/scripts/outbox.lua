-- The outbox: deliveries, what is due, records of those that ended.

local function delivery_key(id) return base .. 'd:' .. id end
local function due_key() return base .. 'due' end
local function records_key() return base .. 'records' end
local function message_key(provider, message_id) return base .. 'm:' .. joined(provider, message_id) end

local function is_open(delivery) return delivery.state == DUE or delivery.state == CLAIMED end

-- What a claim, a settlement or a cancellation changes is packed on its own.
local function packed_changes(delivery)
    return cmsgpack.pack({
        delivery.state, delivery.due_at, delivery.fence, delivery.claimed_by, delivery.attempts,
    })
end

local function write_delivery(delivery)
    redis.call('HSET', delivery_key(delivery.id), 'c', packed_changes(delivery))
end

local function load_delivery(id)
    local found = redis.call('HMGET', delivery_key(id), 's', 'c', 'm')
    if not found[1] or not found[2] then return nil end
    local s, c = cmsgpack.unpack(found[1]), cmsgpack.unpack(found[2])
    return {
        id = id, message = found[3],
        vid = s[1], namespace = s[2], route = s[3], masked_to = s[4], created_at = s[5], expires_at = s[6],
        state = c[1], due_at = c[2], fence = c[3], claimed_by = c[4], attempts = c[5],
    }
end

local function delivery_of(namespace, id)
    local delivery = load_delivery(id)
    return delivery and delivery.namespace == namespace and delivery or nil
end

local function delivery_reply(delivery)
    return {
        delivery.id, delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, delivery.created_at,
        delivery.expires_at, delivery.message, delivery.state, delivery.due_at, delivery.fence, delivery.claimed_by,
        delivery.attempts,
    }
end

-- Stores one that is to be sent, as it is now.
local function write_open(delivery, is_new)
    if not is_new then write_delivery(delivery) end
    redis.call('ZADD', due_key(), delivery.due_at, delivery.id)
    -- A holder may say after the expiry what became of it.
    local till = math.max(delivery.expires_at, delivery.due_at)
    local keep = is_new and keep_until or keep_at_least_until
    keep(delivery_key(delivery.id), till)
    keep_at_least_until(due_key(), till)
end

-- It ended: the message is erased, and its record kept where records are.
local function end_delivery(delivery, state)
    delivery.state, delivery.due_at, delivery.message = state, now, false
    redis.call('ZREM', due_key(), delivery.id)
    local key = delivery_key(delivery.id)
    if records_kept == 0 then
        redis.call('DEL', key)
        return
    end
    local till = after(now, records_kept)
    redis.call('HDEL', key, 'm')
    write_delivery(delivery)
    keep_until(key, till)
    redis.call('ZADD', records_key(), now, delivery.id)
    keep_at_least_until(records_key(), till)
end

local function is_due(id) return redis.call('ZSCORE', due_key(), id) end

-- Cancels what is unsent of a verification.
local function cancel_deliveries(one)
    for _, id in ipairs(one.open) do
        local delivery = is_due(id) and load_delivery(id)
        if delivery then end_delivery(delivery, DELIVERY_CANCELED) end
    end
    one.open = {}
end

local function take_delivery()
    return { id = take(), route = take(), message = take(), masked_to = take(), not_before = take_optional_number() }
end

local function take_claimant()
    local node = take_optional()
    return node and { node = node, lease_until = take_number() }
end

-- Puts messages into the outbox, claimed at once where they are due and there is a claimant. Gives back what it claimed.
-- Changes `one`, which is to be written after.
local function enter(one, messages, claimant)
    local open, claims = {}, {}
    -- Only what is to be sent still is remembered, or one that is sent again and again would grow without end.
    for _, id in ipairs(one.open) do
        if is_due(id) then open[#open + 1] = id end
    end
    for _, message in ipairs(messages) do
        local waits = message.not_before and message.not_before > now
        local claimed = claimant and not waits
        local delivery = {
            id = message.id, vid = one.vid, namespace = one.namespace, route = message.route,
            message = message.message, masked_to = message.masked_to, created_at = now, expires_at = one.expires_at,
            state = claimed and CLAIMED or DUE,
            due_at = claimed and claimant.lease_until or waits and message.not_before or now,
            fence = claimed and 1 or 0,
            claimed_by = claimed and claimant.node,
            attempts = {},
        }
        redis.call('HSET', delivery_key(delivery.id), 'm', delivery.message, 's', cmsgpack.pack({
            delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, delivery.created_at, delivery.expires_at,
        }), 'c', packed_changes(delivery))
        write_open(delivery, true)
        open[#open + 1] = delivery.id
        if claimed then claims[#claims + 1] = delivery_reply(delivery) end
    end
    if #messages > 0 then one.last_sent_at = now end
    one.open = open
    return claims
end
