-- Counts of wrong guesses.

local function count_key(namespace, subject) return base .. 'g:' .. joined(namespace, subject) end
-- When each count of the partition is over, so that a purge finds them.
local function counts_key() return base .. 'guesses' end

local function load_count(namespace, subject)
    local packed = redis.call('GET', count_key(namespace, subject))
    if not packed then return nil end
    local wrong, refused_until, last_wrong_at = unpack(cmsgpack.unpack(packed))
    return { wrong = wrong, refused_until = refused_until, last_wrong_at = last_wrong_at }
end

local function count_garbage_at(count)
    return after(math.max(count.last_wrong_at, count.refused_until), DAY)
end

local function wait_after(rule, wrong)
    if rule.budget > 0 and wrong >= rule.budget then return rule.budget_wait end
    if rule.burst == 0 or wrong < rule.burst then return 0 end
    return math.min(60 * 1000 * 2 ^ math.min(wrong - rule.burst, 20), rule.max_wait)
end

-- Writes the count after one more wrong one.
local function count_wrong(namespace, subject, before, rule)
    local wrong = before and now < count_garbage_at(before) and before.wrong or 0
    wrong = math.min(wrong + 1, MOST)
    local wait = wait_after(rule, wrong)
    local count = { wrong = wrong, refused_until = wait > 0 and after(now, wait) or 0, last_wrong_at = now }
    local key = count_key(namespace, subject)
    local till = count_garbage_at(count)
    local packed = cmsgpack.pack({ count.wrong, count.refused_until, count.last_wrong_at })
    redis.call('SET', key, packed, 'PX', ttl_until(till))
    redis.call('ZADD', counts_key(), till, key)
    keep_at_least_until(counts_key(), till)
end

-- Gives back how many there were.
local function forget_count(key)
    redis.call('ZREM', counts_key(), key)
    return redis.call('DEL', key)
end
