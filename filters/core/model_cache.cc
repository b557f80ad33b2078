#include "model_cache.h"

namespace baler {

void ModelCache::add(std::shared_ptr<const Model> model) {
    Order gone;  // destroyed after the lock is given back
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = places_.find(model->id);
    if (known != places_.end()) return order_.splice(order_.begin(), order_, known->second);
    order_.push_front(std::move(model));
    try {
        places_.emplace(order_.front()->id, order_.begin());
    } catch (...) {
        order_.pop_front();
        throw;
    }
    bytes_ += order_.front()->bytes.size();
    while (order_.size() > 1 && (order_.size() > kModels || bytes_ > kBytes)) {
        bytes_ -= order_.back()->bytes.size();
        places_.erase(order_.back()->id);
        gone.splice(gone.begin(), order_, std::prev(order_.end()));
    }
}

std::shared_ptr<const Model> ModelCache::get(const std::array<uint8_t, 32>& id) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = places_.find(id);
    if (known == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, known->second);
    return *known->second;
}

void ModelCache::clear() {
    Order gone;
    std::lock_guard<std::mutex> lock(mutex_);
    places_.clear();
    gone.swap(order_);
    bytes_ = 0;
}

ModelCache& model_cache() {
    static auto* cache = new ModelCache;
    return *cache;
}

}  // namespace baler
