-- Throttle rules and send times.

local function rules_key(namespace, channel) return base .. 'rules:' .. joined(namespace, channel) end
local function sends_key(namespace, subject) return base .. 's:' .. joined(namespace, subject) end

local function take_throttle()
    local channel = take()
    if not channel then return false end
    return {
        channel = channel,
        subjects = take_list(function() return { kind = take(), key = take() } end),
    }
end

local function load_rules(namespace, channel)
    local found = redis.call('HMGET', rules_key(namespace, channel), 'ip', 'target')
    local function decode(rules) return rules and cjson.decode(rules) or {} end
    return { [IP] = decode(found[1]), [TARGET] = decode(found[2]) }
end

-- When a rule has room for one more; nil: now.
local function throttled_until(times, rule)
    if rule.rate == 0 then return after(now, rule.window_millis) end
    local blocking = times[#times - rule.rate + 1]
    local frees_at = blocking and after(blocking, rule.window_millis)
    return frees_at and now < frees_at and frees_at or nil
end

-- Looks for room under every rule. Gives back the outcome of a refusal, or nil and what counts the message.
local function take_room(namespace, throttle)
    if not throttle then return nil, function() end end
    local rules = load_rules(namespace, throttle.channel)
    for kind = IP, TARGET do
        local named = false
        for _, subject in ipairs(throttle.subjects) do named = named or subject.kind == kind end
        if not named and #rules[kind] > 0 then return { 'subject_missing', kind } end
    end
    for _, subject in ipairs(throttle.subjects) do
        local packed = redis.call('GET', sends_key(namespace, subject.key))
        subject.times = packed and cmsgpack.unpack(packed) or {}
    end
    for kind = IP, TARGET do
        local last
        for _, subject in ipairs(throttle.subjects) do
            for _, rule in ipairs(subject.kind == kind and rules[kind] or {}) do
                local at = throttled_until(subject.times, rule)
                if at and (not last or at >= last.at) then last = { at = at, rule = rule } end
            end
        end
        if last then return { 'throttled', kind, last.rule.rate, last.rule.window_millis, last.at } end
    end
    return nil, function()
        for _, subject in ipairs(throttle.subjects) do
            local kept, most = DAY, KEPT_SENDS
            for _, rule in ipairs(rules[subject.kind]) do
                kept, most = math.max(kept, rule.window_millis), math.max(most, rule.rate)
            end
            local times = { now }
            for _, time in ipairs(subject.times) do
                if time > now - kept then times[#times + 1] = time end
            end
            -- Clocks of several nodes may differ by a little; the order must hold all the same.
            table.sort(times)
            for _ = 1, #times - most do table.remove(times, 1) end
            local key = sends_key(namespace, subject.key)
            redis.call('SET', key, cmsgpack.pack(times), 'PX', ttl_until(after(times[#times], kept)))
        end
    end
end
