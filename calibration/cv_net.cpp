/* Neural networks by OpenCV's DNN. */
extern "C" {
#include "calibration/cv_net.h"
}

#include <opencv2/dnn.hpp>

#include <cstring>
#include <exception>
#include <string>
#include <vector>

struct vg_cv_net {
    cv::dnn::Net net;
};

vg_status vg_cv_net_open(vg_cv_net **out, const char *path, vg_error *err) {
    *out = nullptr;
    try {
        vg_cv_net *n = new vg_cv_net{cv::dnn::readNetFromTensorflow(path)};
        n->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
        n->net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
        *out = n;
        return VG_OK;
    } catch (const std::exception &e) {
        return vg_fail(err, VG_FAILED, "%.200s: OpenCV cannot read this network: %.300s", path, e.what());
    }
}

void vg_cv_net_close(vg_cv_net *net) {
    delete net;
}

vg_status vg_cv_net_run(vg_cv_net *net, const float *input, int channels, int height, int width,
                        const char *const *outputs, float *const *values, const size_t *sizes, int count,
                        vg_error *err) {
    try {
        const int shape[] = {1, channels, height, width};
        net->net.setInput(cv::Mat(4, shape, CV_32F, const_cast<float *>(input)));
        std::vector<cv::Mat> results;
        net->net.forward(results, std::vector<std::string>(outputs, outputs + count));
        for (int i = 0; i < count; i++) {
            const cv::Mat &r = results.at(static_cast<size_t>(i));
            if (r.type() != CV_32F || !r.isContinuous() || r.total() != sizes[i])
                return vg_fail(err, VG_VERSION, "the network's output `%.80s` has %zu values, not %zu", outputs[i],
                               r.total(), sizes[i]);
            std::memcpy(values[i], r.ptr<float>(), sizes[i] * sizeof(float));
        }
        return VG_OK;
    } catch (const std::exception &e) {
        return vg_fail(err, VG_FAILED, "OpenCV's network: %.400s", e.what());
    }
}

void vg_cv_set_threads(int threads) {
    cv::setNumThreads(threads);
}
