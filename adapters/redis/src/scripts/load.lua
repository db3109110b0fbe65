-- One page of batches, as of one moment: { last, tombstone, entries }. Instead of a payload that is too large for one
-- answer stands its size.
local log, state = KEYS[1], KEYS[2]
local after, max_bytes, max_batches, max_payload = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function before(a, b)
  return string.rep('0', 20 - #a) .. a < string.rep('0', 20 - #b) .. b
end

local stored = redis.call('HMGET', state, 'last', 'tombstone')
local last, tombstone = stored[1] or '0', stored[2] or '0'
local from = '(' .. after .. '-0'
if before(after, tombstone) then from = tombstone .. '-0' end

local page, bytes = {}, 0
while before(after, last) and #page < max_batches and (bytes < max_bytes or #page == 0) do
  local entry = redis.call('XRANGE', log, from, '+', 'COUNT', 1)[1]
  if not entry then break end
  page[#page + 1] = entry
  local fields = entry[2]
  local size = #fields[#fields]
  bytes = bytes + size
  if size > max_payload then fields[#fields] = size end
  from = '(' .. entry[1]
end
return { last, tombstone, page }
