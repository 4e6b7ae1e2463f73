// SPDX-License-Identifier: Apache-2.0
#include "protocol/compiled_once.hpp"

#include "protocol/events.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

namespace beckon {

template class CompiledOnce<RequestBodies>;
template class CompiledOnce<ReplyBodies>;
template class CompiledOnce<EventBodies>;
template class CompiledOnce<GroupEventBodies>;
template class CompiledOnce<EventTypes>;

}  // namespace beckon
