-- Decides about one batch and stores it: all of it, or none.
-- Numbers are unsigned 64-bit, and Lua's are doubles: they stay text, and are compared padded.
local log, state, subpaths = KEYS[1], KEYS[2], KEYS[3]
local number, previous, kind, writer, line, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local indexed, subpath, through, summary, payload = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

local function before(a, b)
  return string.rep('0', 20 - #a) .. a < string.rep('0', 20 - #b) .. b
end

local stored = redis.call('HMGET', state, 'last', 'digest', 'tombstone', 'tombstone-digest', 'through', 'modified')
local last, tombstone = stored[1] or '0', stored[3] or '0'

local function stored_digest()
  if number == last then return stored[2] end
  if number == tombstone then return stored[4] end
  local entry = redis.call('XRANGE', log, number .. '-0', number .. '-0')[1]
  if not entry then return nil end
  for field = 1, #entry[2], 2 do
    if entry[2][field] == 'digest' then return entry[2][field + 1] end
  end
end

if before(number, tombstone) then return 'conflict' end

if before(last, number) then
  -- A tombstone may stand anywhere behind the end; anything else would leave a gap.
  if kind ~= 'tombstone' and previous ~= last then return 'conflict' end
  -- A delete has removed the index entry that the caller made.
  if subpath == '' and kind ~= 'tombstone' and not before(tombstone, indexed) then return 'index' end
  redis.call('XADD', log, number .. '-0',
    'kind', kind, 'writer', writer, 'line', line, 'digest', digest, 'payload', payload)
  local now = redis.call('TIME')
  local modified = math.max(now[1] * 1000 + math.floor(now[2] / 1000), tonumber(stored[6] or '0'))
  redis.call('HSET', state, 'last', number, 'digest', digest, 'modified', string.format('%.0f', modified))
  if kind == 'tombstone' then
    redis.call('HSET', state, 'tombstone', number, 'tombstone-digest', digest)
    redis.call('HDEL', state, 'through', 'summary')
    redis.call('ZREM', subpaths, subpath)
    tombstone, stored[5] = number, false
  elseif subpath ~= '' then
    redis.call('ZADD', subpaths, 0, subpath)
  end
elseif stored_digest() ~= digest then
  return 'conflict'
end

if through ~= '' and before(tombstone, through) and before(stored[5] or '0', through) then
  redis.call('HSET', state, 'through', through, 'summary', summary)
end
return 'stored'
