// See VergenceWorldComponent.h. Lock-step: the engine runs with a fixed time step, and each tick waits for a Step before it ends,
// so simulated time never depends on how fast the machine is.
#include "VergenceWorldComponent.h"

#include "Animation/SkeletalMeshActor.h"
#include "Components/SceneCaptureComponent2D.h"
#include "Components/SkeletalMeshComponent.h"
#include "Engine/SceneCapture2D.h"
#include "Engine/TextureRenderTarget2D.h"
#include "Misc/App.h"

#include <zmq.h>

// Bones of Unreal's mannequins in the order of vergence_messages.h; mannequins have no eyes, the head stands in.
static const FName Bones[VGM_JOINTS] = {"upperarm_l", "upperarm_r", "lowerarm_l", "lowerarm_r", "hand_l", "hand_r", "thigh_l",
                                        "thigh_r",    "calf_l",     "calf_r",     "foot_l",     "foot_r", "head",   "head"};

UVergenceWorldComponent::UVergenceWorldComponent() {
    PrimaryComponentTick.bCanEverTick = true;
    PrimaryComponentTick.TickGroup = TG_PostUpdateWork; // after animation: bones and pictures are of the same instant
}

void UVergenceWorldComponent::BeginPlay() {
    Super::BeginPlay();
    FApp::SetUseFixedTimeStep(true);
    FApp::SetFixedDeltaTime(StepSeconds);
    Context = zmq_ctx_new();
    Socket = zmq_socket(Context, ZMQ_ROUTER);
    const int Linger = 200, Mark = 64;
    const int64_t Most = VGM_MESSAGE_MAX; // and never ZMQ_HEARTBEAT_*: see docs/protocol.md
    zmq_setsockopt(Socket, ZMQ_LINGER, &Linger, sizeof Linger);
    zmq_setsockopt(Socket, ZMQ_SNDHWM, &Mark, sizeof Mark);
    zmq_setsockopt(Socket, ZMQ_RCVHWM, &Mark, sizeof Mark);
    zmq_setsockopt(Socket, ZMQ_MAXMSGSIZE, &Most, sizeof Most);
    if (zmq_bind(Socket, TCHAR_TO_UTF8(*Endpoint)) != 0)
        UE_LOG(LogTemp, Error, TEXT("Vergence: cannot listen at %s"), *Endpoint);
    for (ASceneCapture2D* Camera : Cameras) Start.Add(Camera->GetActorTransform());
}

void UVergenceWorldComponent::EndPlay(const EEndPlayReason::Type Reason) {
    if (Socket) zmq_close(Socket);
    if (Context) zmq_ctx_term(Context);
    Socket = Context = nullptr;
    Super::EndPlay(Reason);
}

// Answers the Step that led to this tick, then serves requests until the next Step lets the engine go on.
void UVergenceWorldComponent::TickComponent(float Delta, ELevelTick Type, FActorComponentTickFunction* Function) {
    Super::TickComponent(Delta, Type, Function);
    if (!Socket) return;
    TimeNs += (int64)((double)StepSeconds * 1e9 + 0.5);
    if (Waiting) FrameId++, SendFrame(WaitingSequence, 0);
    Waiting = false;
    while (!Waiting) {
        zmq_pollitem_t Item = {Socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&Item, 1, 100) <= 0) return; // nobody asks: keep the editor alive. Time stands still for the client
        vgm_request Request;
        if (!Receive(Request)) continue;
        switch (Request.kind) {
        case VGM_HELLO: SendWorld(Request); break;
        case VGM_PING: {
            TArray<TArray<uint8>> Parts;
            Parts.AddDefaulted_GetRef().SetNumUninitialized(32);
            vgm_out Out = {Parts[0].GetData(), 0, 32};
            vgm_write_pong(&Out, Request.sequence);
            Parts[0].SetNum((int32)Out.size);
            Send(Parts);
            break;
        }
        case VGM_RESET: // a game begins as far as it can: the cameras go to their places
            StartCameras();
            TimeNs = 0;
            if (FrameId) FrameId++;
            SendFrame(Request.sequence, VGM_FIRST);
            break;
        case VGM_STEP:
            if (Request.motion_count != Cameras.Num()) {
                SendError(Request.sequence, 1, "step.motion is not for as many cameras as this world has");
                break;
            }
            Move(Request);
            Waiting = true, WaitingSequence = Request.sequence; // one engine tick passes now
            break;
        case VGM_BYE: break;
        default: SendError(Request.sequence, 1, "that is not a request");
        }
    }
}

bool UVergenceWorldComponent::Receive(vgm_request& Request) {
    TArray<TArray<uint8>> Parts;
    for (int More = 1; More;) {
        zmq_msg_t Part;
        zmq_msg_init(&Part);
        if (zmq_msg_recv(&Part, Socket, ZMQ_DONTWAIT) < 0) return false;
        Parts.Emplace((const uint8*)zmq_msg_data(&Part), (int32)zmq_msg_size(&Part));
        More = zmq_msg_more(&Part);
        zmq_msg_close(&Part);
    }
    if (Parts.Num() != 2) return false;
    Client = Parts[0];
    if (vgm_read_request(&Request, Parts[1].GetData(), (size_t)Parts[1].Num())) return true;
    SendError(Request.sequence, 4, "that is not a vergence.Envelope");
    return false;
}

void UVergenceWorldComponent::Send(const TArray<TArray<uint8>>& Parts) {
    zmq_send(Socket, Client.GetData(), (size_t)Client.Num(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    for (int32 I = 0; I < Parts.Num(); I++)
        zmq_send(Socket, Parts[I].GetData(), (size_t)Parts[I].Num(), ZMQ_DONTWAIT | (I + 1 < Parts.Num() ? ZMQ_SNDMORE : 0));
}

void UVergenceWorldComponent::SendError(uint64 Sequence, uint32 Status, const char* Message) {
    TArray<TArray<uint8>> Parts;
    Parts.AddDefaulted_GetRef().SetNumUninitialized(1024);
    vgm_out Out = {Parts[0].GetData(), 0, 1024};
    vgm_write_error(&Out, Sequence, Status, Message);
    Parts[0].SetNum((int32)Out.size);
    Send(Parts);
}

void UVergenceWorldComponent::SendWorld(const vgm_request& Request) {
    Pictures = Request.version >= 2 ? Request.pictures & 1 : 0; // lit ones only
    vgm_world World = {};
    World.version = Request.version < VGM_VERSION ? Request.version : VGM_VERSION;
    World.name = "unreal", World.scene = "level";
    World.cameras = (uint32)Cameras.Num(), World.people = (uint32)People.Num();
    World.step_seconds = (double)StepSeconds;
    World.truth = World.resettable = World.teleports = 1;
    World.pictures = Pictures;
    const FVector Corner[2] = {CameraLow, CameraHigh};
    const FVector2D Area[2] = {AreaLow, AreaHigh};
    for (int I = 0; I < 2; I++) { // y changes sign, so its low and high change places
        World.bounds[3 * I] = (float)Corner[I].X / 100, World.bounds[3 * I + 1] = -(float)Corner[1 - I].Y / 100;
        World.bounds[3 * I + 2] = (float)Corner[I].Z / 100;
        World.bounds[6 + 2 * I] = (float)Area[I].X / 100, World.bounds[7 + 2 * I] = -(float)Area[1 - I].Y / 100;
    }
    TArray<TArray<uint8>> Parts;
    Parts.AddDefaulted_GetRef().SetNumUninitialized(4096);
    vgm_out Out = {Parts[0].GetData(), 0, 4096};
    vgm_write_world(&Out, Request.sequence, &World);
    Parts[0].SetNum((int32)Out.size);
    Send(Parts);
}

void UVergenceWorldComponent::ReadPeople(vgm_frame& Frame) {
    Truth.SetNumZeroed(People.Num() * VGM_JOINTS * 3);
    for (int32 P = 0; P < People.Num(); P++) {
        Frame.present[P] = People[P] != nullptr;
        for (int32 J = 0; People[P] && J < VGM_JOINTS; J++) {
            const FVector At = People[P]->GetSkeletalMeshComponent()->GetBoneLocation(Bones[J], EBoneSpaces::WorldSpace);
            const double Location[3] = {At.X, At.Y, At.Z};
            double Metres[3];
            vgm_from_unreal(Metres, Location);
            for (int K = 0; K < 3; K++) Truth[(P * VGM_JOINTS + J) * 3 + K] = (float)Metres[K];
        }
    }
    Frame.people = (uint32)People.Num(), Frame.truth = Truth.GetData();
}

// Keypoints: the true joints as a camera without faults would find them, where nothing stands in the way.
void UVergenceWorldComponent::SeePeople(vgm_frame& Frame) {
    Keypoints.SetNumZeroed(Cameras.Num() * People.Num() * VGM_JOINTS * 3);
    for (int32 C = 0; C < Cameras.Num(); C++)
        for (int32 I = 0; I < People.Num() * VGM_JOINTS; I++) {
            const int32 P = I / VGM_JOINTS;
            float* Keypoint = &Keypoints[(C * People.Num() * VGM_JOINTS + I) * 3];
            Keypoint[0] = Keypoint[1] = Keypoint[2] = 0;
            float Pixel[2];
            if (!Frame.present[P] || !vgm_project(Pixel, &Frame.camera[C], &Truth[I * 3])) continue;
            const double Metres[3] = {(double)Truth[I * 3], (double)Truth[I * 3 + 1], (double)Truth[I * 3 + 2]};
            double To[3];
            vgm_to_unreal(To, Metres);
            FHitResult Hit;
            FCollisionQueryParams Ignore;
            Ignore.AddIgnoredActor(Cameras[C]);
            Ignore.AddIgnoredActor(People[P]);
            if (GetWorld()->LineTraceSingleByChannel(Hit, Cameras[C]->GetActorLocation(), FVector(To[0], To[1], To[2]),
                                                     ECC_Visibility, Ignore))
                continue;
            Keypoint[0] = Pixel[0], Keypoint[1] = Pixel[1], Keypoint[2] = 1;
        }
    Frame.keypoints = Keypoints.GetData();
}

void UVergenceWorldComponent::SendFrame(uint64 Sequence, uint32 Flags) {
    TArray<TArray<uint8>> Parts;
    Parts.AddDefaulted();
    vgm_frame* Frame = new vgm_frame(); // a few kilobytes: not on the stack
    Frame->frame_id = FrameId, Frame->time_ns = TimeNs, Frame->flags = Flags | VGM_TRUTH | VGM_IDENTIFIED;
    Frame->target = People.Num() ? 0 : -1, Frame->cameras = (uint32)Cameras.Num();
    ReadPeople(*Frame);
    for (int32 C = 0; C < Cameras.Num(); C++) {
        USceneCaptureComponent2D* Capture = Cameras[C]->GetCaptureComponent2D();
        UTextureRenderTarget2D* Target = Capture->TextureTarget;
        const FVector At = Cameras[C]->GetActorLocation();
        const FRotator Turn = Cameras[C]->GetActorRotation();
        const double Location[3] = {At.X, At.Y, At.Z};
        vgm_camera_from_unreal(&Frame->camera[C], Location, Turn.Pitch, Turn.Yaw, Capture->FOVAngle, (uint32)Target->SizeX,
                               (uint32)Target->SizeY);
        if (!(Pictures & 1)) continue;
        Capture->CaptureScene();
        TArray<FColor> Pixels; // blue, green, red, alpha: as the protocol has them
        Target->GameThread_GetRenderTargetResource()->ReadPixels(Pixels);
        const uint32 Part = Frame->picture_count++;
        Frame->picture[Part] = {(uint32)C, 0, (uint32)Target->SizeX, (uint32)Target->SizeY, Part};
        Parts.Emplace((const uint8*)Pixels.GetData(), Pixels.Num() * 4);
    }
    SeePeople(*Frame);
    Parts[0].SetNumUninitialized(65536 + Cameras.Num() * People.Num() * VGM_JOINTS * 12);
    vgm_out Out = {Parts[0].GetData(), 0, (size_t)Parts[0].Num()};
    vgm_write_frames(&Out, Sequence, Frame);
    delete Frame;
    if (Out.size > Out.room) {
        SendError(Sequence, 12, "the frame is larger than the room for it");
        return;
    }
    Parts[0].SetNum((int32)Out.size);
    Send(Parts);
}

void UVergenceWorldComponent::Move(const vgm_request& Request) {
    for (int32 C = 0; C < Cameras.Num(); C++) {
        const FVector At = Cameras[C]->GetActorLocation();
        const FRotator Turn = Cameras[C]->GetActorRotation();
        double Location[3] = {At.X, At.Y, At.Z}, Pitch = Turn.Pitch, Yaw = Turn.Yaw;
        vgm_move(Location, &Pitch, &Yaw, Request.motion[C], (double)StepSeconds);
        FVector To(Location[0], Location[1], Location[2]);
        To = To.BoundToBox(CameraLow, CameraHigh);
        Cameras[C]->SetActorLocationAndRotation(To, FRotator(Pitch, Yaw, 0));
    }
}

void UVergenceWorldComponent::StartCameras() {
    for (int32 C = 0; C < Cameras.Num(); C++) Cameras[C]->SetActorTransform(Start[C]);
}
