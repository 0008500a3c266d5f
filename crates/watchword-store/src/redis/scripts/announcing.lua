-- Tells whoever listens what happens, in the words of a dialect. Scripts that announce have this after the prelude.

-- A channel and as many texts as the operation may say; nil where nobody is to be told. Comes last of all arguments.
local function take_announcements(...)
    local channel = take()
    if not channel then return nil end
    local announcements = { channel = channel, said = {} }
    for _, kind in ipairs({ ... }) do announcements[kind] = take() end
    return announcements
end

local MUST_ESCAPE = '[%z\1-\31"\\]'

-- As serde_json writes it; cjson escapes `/` as well. Most texts need nothing.
local function json(text)
    if not string.find(text, MUST_ESCAPE) then return '"' .. text .. '"' end
    local short = { ['"'] = '\\"', ['\\'] = '\\\\', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }
    local escaped = string.gsub(text, MUST_ESCAPE, function(character)
        return short[character] or string.format('\\u%04x', string.byte(character))
    end)
    return '"' .. escaped .. '"'
end

local function whole(number) return string.format('%.0f', number or 0) end

-- Says what `one` is now. It is heard with `announce`, and not at all where the script fails before.
local function say(announcements, kind, one)
    local text = announcements and one.external_id and announcements[kind] or ''
    if text == '' then return end
    local facts = {
        namespace = json(one.namespace),
        external_id = json(one.external_id),
        address = json(one.address or ''),
        channel_description = json(one.channel_description),
        address_description = json(one.address_description),
        extra = one.extra or '{}',
        route = json(one.route),
        max_attempts = whole(one.max_attempts),
        attempts = whole(one.attempts),
        sends = whole(one.sends),
        max_sends = whole(one.max_sends),
        closed = one.state == APPROVED and 'true' or 'false',
        seconds_left = whole(math.floor((one.expires_at - now) / 1000)),
    }
    -- The name of a fact stands between two bytes that no JSON has.
    announcements.said[#announcements.said + 1] = string.gsub(text, '\1([%l_]+)\1', facts)
end

-- Lets all hear what was said, once everything is written. That a listener can't be told undoes nothing: it is answered, last of
-- all, why not.
local function announce(announcements)
    if not announcements then return nil end
    for _, text in ipairs(announcements.said) do
        local heard = redis.pcall('PUBLISH', announcements.channel, text)
        if type(heard) == 'table' and heard.err then return 'unheard: ' .. heard.err end
    end
    return nil
end
