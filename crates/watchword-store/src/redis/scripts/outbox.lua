-- The outbox: deliveries, what is due, records of those that ended.

local function delivery_key(id) return base .. 'd:' .. id end
local function due_key() return base .. 'due' end
local function records_key() return base .. 'records' end
local function message_key(provider, message_id) return base .. 'm:' .. joined(provider, message_id) end

-- As it is kept and answered.
local function delivery_reply(delivery)
    return cmsgpack.pack({
        delivery.id, delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, delivery.created_at,
        delivery.expires_at, delivery.message, delivery.state, delivery.due_at, delivery.fence, delivery.claimed_by,
        delivery.attempts,
    })
end

local function load_delivery(id)
    local packed = redis.call('GET', delivery_key(id))
    if not packed then return nil end
    local d = cmsgpack.unpack(packed)
    return {
        id = id, vid = d[2], namespace = d[3], route = d[4], masked_to = d[5], created_at = d[6], expires_at = d[7],
        message = d[8], state = d[9], due_at = d[10], fence = d[11], claimed_by = d[12], attempts = d[13],
    }
end

local function delivery_of(namespace, id)
    local delivery = load_delivery(id)
    return delivery and delivery.namespace == namespace and delivery or nil
end

-- Stores one that is to be sent, as it is now. Gives back what answers it.
local function write_open(delivery)
    local packed = delivery_reply(delivery)
    -- A holder may say after the expiry what became of it.
    local till = math.max(delivery.expires_at, delivery.due_at)
    redis.call('SET', delivery_key(delivery.id), packed, 'PX', ttl_until(till))
    redis.call('ZADD', due_key(), delivery.due_at, delivery.id)
    keep_at_least_until(due_key(), till)
    return packed
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
    redis.call('SET', key, delivery_reply(delivery), 'PX', ttl_until(till))
    redis.call('ZADD', records_key(), now, delivery.id)
    keep_at_least_until(records_key(), till)
end
