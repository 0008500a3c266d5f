-- What all operations share. Each call runs all of this again, so what only some need stands by itself: verifications, outbox,
-- counts, throttling.
--
-- KEYS[1] is not a key but what all keys of a partition begin with; it carries the hash tag that brings the script to its
-- node. Times are milliseconds. `false` stands for what is absent: it survives packing and becomes nil in the reply.

local PENDING, APPROVED, CANCELED = 0, 1, 2
local KEEP, CLOSE, DELETE = 0, 1, 2
local DUE, CLAIMED, ACCEPTED, FAILED, EXPIRED, DELIVERY_CANCELED = 0, 1, 2, 3, 4, 5
local IP, TARGET = 0, 1

-- Keys outlive what is in them by this much: their TTL only collects garbage, what has ended is told by comparing times.
local MARGIN = 60 * 1000
local SLACK = 60 * 1000
local DAY = 24 * 60 * 60 * 1000
local FAR_FUTURE = 2 ^ 53 - 1
local MOST = 2 ^ 32 - 1
local KEPT_ATTEMPTS = 20
local KEPT_SENDS = 100

local base = KEYS[1]
-- All of them come as one: a number as a number, and what is absent as `false`.
local arguments = cmsgpack.unpack(ARGV[1])
local argument = 0

local function take()
    argument = argument + 1
    return arguments[argument]
end

-- A list comes as its length and its elements.
local function take_list(take_one)
    local list = {}
    for index = 1, take() do list[index] = take_one() end
    return list
end

local now = take()
-- How long records of ended deliveries are kept; 0: there are none.
local records_kept = take()

local function after(time, wait)
    return math.min(time + wait, FAR_FUTURE)
end

-- Parts that may hold anything are told apart by their lengths.
local function joined(one, two, three)
    local key = #one .. ':' .. one .. #two .. ':' .. two
    return three and key .. #three .. ':' .. three or key
end

-- How long a key lives that is to live until `time` and the margin.
local function ttl_until(time)
    return math.max(time - now, 0) + MARGIN
end

-- For what many share: never shorter than it was, and so much longer that those who come next need not write it again.
local function keep_at_least_until(key, time)
    local ttl = ttl_until(time)
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl + SLACK) end
end
